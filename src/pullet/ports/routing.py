"""How visitors reach a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pullet.domain.answer import Answer
from pullet.domain.identity import ReleaseId
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it
from pullet.domain.runtime import Capability


@dataclass(frozen=True)
class RouteTarget:
    """Where a hostname leads."""

    release: ReleaseId | None
    """None: one of Pullet's own pages."""
    sockets: tuple[str, ...] = ()
    """Absolute paths of the upstream unix sockets."""
    static: tuple[tuple[str, str], ...] = ()
    """(URL prefix, absolute folder): files that the router serves itself."""


@dataclass(frozen=True)
class Page:
    """What a visitor sees while nothing is live: status 502 (503 when suspended), never a blank."""

    title: str
    message: str
    status: int = 502


class Visitor(Protocol):
    async def get(self, host: str, path: str, timeout: float) -> Answer:
        """GET `path` of `host` through the router, `timeout` in seconds; redirects are not followed. Raises
        ProbeFailed."""


class Router(Protocol):
    async def ensure(self) -> None:
        """Have the router running; outlives the daemon. Raises PortTaken, RouterError."""

    async def routes(self) -> Mapping[str, RouteTarget]:
        """What really is routed, read from the router's own files."""

    async def switch(self, host: str, target: RouteTarget) -> None:
        """Lead the host to the target's sockets in one atomic act: no request is lost between old and new."""

    async def show_page(self, host: str, page: Page) -> None: ...

    async def remove(self, host: str) -> None: ...

    def url(self, host: str) -> str:
        """Where a program on this box asks for the host, without TLS: `http://shop.localhost:8080`."""

    async def stop(self) -> None:
        """End the router itself (`pullet stop`)."""

    def access_counts(self, host: str, since: float) -> tuple[int, int]:
        """(requests, 5xx answers) of the host since that time, from the access log."""

    async def capabilities(self) -> Sequence[Capability]: ...
