"""A router in memory, for tests of whatever drives one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pullet.domain.errors import PulletError, RouterError
from pullet.domain.runtime import Capability
from pullet.drivers.router.configuration import MOST_INSTANCES, PAGE_STATUSES
from pullet.drivers.router.routes import normal_host
from pullet.ports import Page, RouteTarget


@dataclass
class FakeRouter:
    running: bool = False
    targets: dict[str, RouteTarget] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What access_counts says, whatever the moment."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(method, host) of every change asked for, in order."""
    fail_next: PulletError | None = None
    """Raised by the next call that changes something, before it changes it."""

    async def ensure(self) -> None:
        self._called("ensure", "")
        self.running = True

    async def routes(self) -> Mapping[str, RouteTarget]:
        return dict(self.targets)

    async def switch(self, host: str, target: RouteTarget) -> None:
        name = normal_host(host)
        self._called("switch", name)
        if not 1 <= len(target.sockets) <= MOST_INSTANCES:
            raise RouterError(f"{name} cannot lead to {len(target.sockets)} instances")
        if not all(socket.startswith("/") for socket in target.sockets):
            raise RouterError(f"{name} cannot lead to a relative path")
        self.pages.pop(name, None)
        self.targets[name] = target

    async def show_page(self, host: str, page: Page) -> None:
        name = normal_host(host)
        self._called("show_page", name)
        if page.status not in PAGE_STATUSES:
            raise RouterError(f"A page of {name} cannot have status {page.status}")
        self.pages[name] = page
        self.targets[name] = RouteTarget(None)

    async def remove(self, host: str) -> None:
        name = normal_host(host)
        self._called("remove", name)
        self.targets.pop(name, None)
        self.pages.pop(name, None)

    def url(self, host: str) -> str:
        return f"http://{normal_host(host)}:80"

    async def stop(self) -> None:
        self._called("stop", "")
        self.running = False

    def access_counts(self, host: str, since: float) -> tuple[int, int]:
        return self.counts.get(normal_host(host), (0, 0))

    async def capabilities(self) -> Sequence[Capability]:
        return (Capability("router", self.running, "a fake"),)

    def _called(self, method: str, host: str) -> None:
        if self.fail_next is not None:
            failure, self.fail_next = self.fail_next, None
            raise failure
        self.calls.append((method, host))
