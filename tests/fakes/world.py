"""Everything outside the daemon, as fakes, and a death that strikes at any of its effects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceType
from pullet.ports import Assessor, Visitor
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.services import Services
from pullet.reconcile.target import TargetLoop
from pullet.store.sqlite import SqliteStore
from tests.fakes.builder import FakeBuilder
from tests.fakes.clock import FakeClock
from tests.fakes.fleet import FakeFleet
from tests.fakes.router import FakeRouter
from tests.fakes.runtime import FakeProber, FakeRuntime
from tests.fakes.secrets import FakeSecrets
from tests.fakes.services import FakeProvider
from tests.fakes.source import FakeSource
from tests.polling import until

URL = "https://git.example.org/shop.git"
SHOP = EnvironmentKey("shop", "production")
HOST = "shop.localhost"


def app(text: str = "one", release: str = "") -> dict[str, bytes | str]:
    procfile = "web: serve\n" + (f"release: {release}\n" if release else "")
    return {"Procfile": procfile, "requirements.txt": "flask\n", "app.py": f"TEXT = {text!r}\n"}


@dataclass
class World:
    """Everything outside the daemon: it stays while daemons come and go."""

    home: Home
    clock: FakeClock = field(default_factory=FakeClock)
    source: FakeSource = field(default_factory=FakeSource)
    fleet: FakeFleet = field(default_factory=FakeFleet)
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    router: FakeRouter = field(default_factory=FakeRouter)
    prober: FakeProber = field(default_factory=FakeProber)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    visitor: Visitor | None = None
    assessor: Assessor | None = None
    mortality: Mortality | None = None
    settle: float = 0.0

    def __post_init__(self) -> None:
        self.store = SqliteStore(None, self.clock)
        self.builder = FakeBuilder(self.home)
        self.repository = self.source.repository(URL)
        self.providers = {kind: FakeProvider(self.home.services / f"fake-{kind}", kind) for kind in ServiceType}

    def neighbours(self) -> Neighbours:
        mortal: Callable[[Any], Any] = self.mortality.wrap if self.mortality else lambda each: each
        return Neighbours(
            home=self.home,
            clock=self.clock,
            store=self.store,
            source=mortal(self.source),
            fleet=self.fleet,
            builder=mortal(self.builder),
            runtime=mortal(self.runtime),
            router=mortal(self.router),
            prober=self.prober,
            visitor=self.visitor,
            assessor=self.assessor,
            secrets=self.secrets,
            services=Services(mortal(provider) for provider in self.providers.values()),
            settle=self.settle,
        )

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[TargetLoop]:
        target = TargetLoop(self.neighbours(), interval=0.02)
        task = asyncio.create_task(target.run())
        try:
            yield target
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def fleet_text(self) -> str:
        return self.fleet.commits[-1].text or ""

    def edit_fleet(self, edit: Callable[[str], str]) -> None:
        self.fleet.edit_by_hand("shop", edit(self.fleet_text()))

    @property
    def live_text(self) -> str:
        """What a visitor sees: the text of the revision that the host leads to, or the page's title."""
        target = self.router.targets.get(HOST)
        if target is None:
            return "nothing"
        if target.release is None:
            return self.router.pages[HOST].title
        return (self.home.tree(target.release) / "app.py").read_text()

    @property
    def alive(self) -> set[int]:
        return {instance.release.number for instance in self.runtime.instances}


class Killed(Exception):
    """The daemon is no more."""


class Mortality:
    """Kills the daemon right before or right after its n-th effect on the world."""

    EFFECTS = frozenset(
        (
            *("fetch", "check_out", "record", "restore_files", "build", "copy", "run"),
            *("start", "prepare_spare", "stop", "switch", "show_page", "remove"),
            *("provide", "clone", "seed"),
        )
    )

    def __init__(self, at: int, *, after: bool) -> None:
        self.left = at
        self.after = after

    def wrap(self, neighbour: Any) -> Any:
        mortality = self

        class Mortal:
            def __getattr__(self, name: str) -> Any:
                method = getattr(neighbour, name)
                return mortality.deadly(method) if name in Mortality.EFFECTS else method

        return Mortal()

    def deadly(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not self.after):
                raise Killed  # from then on nothing has an effect: what cleans up as it ends is dead, too
            result = await method(*args, **kwargs)
            if self.left <= 0:
                raise Killed
            return result

        return call


async def run_until_killed(world: World, done: Callable[[], bool]) -> bool:
    """True when the deployment came to its end alive."""
    target = TargetLoop(world.neighbours(), interval=0.02)
    task = asyncio.create_task(target.run())
    try:
        await until(lambda: task.done() or (done() and at_rest(world, target)))
    finally:
        alive = not task.done()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
    return alive


def at_rest(world: World, target: TargetLoop) -> bool:
    loop = target.environments.get(SHOP)
    live = world.store.releases.live(SHOP)
    return loop is not None and loop.settled and world.alive == {live}
