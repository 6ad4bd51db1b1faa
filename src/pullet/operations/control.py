"""What every operation works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pullet.domain.errors import NotFound
from pullet.domain.identity import PRODUCTION, EnvironmentKey
from pullet.reconcile.environment import EnvironmentLoop
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.target import TargetLoop


@dataclass(frozen=True)
class Settings:
    """Fixed when the daemon starts."""

    target: str
    port: int
    """The router's."""
    fleet: str
    """URL of a remote fleet repository, or the path of the local one."""


@dataclass(frozen=True)
class Control:
    neighbours: Neighbours
    target: TargetLoop
    settings: Settings
    _editing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def loop(self, app: str, environment: str = PRODUCTION) -> EnvironmentLoop:
        return self.target.environment(EnvironmentKey(app, environment))

    async def file_of(self, app: str) -> str:
        """The text of the app's fleet file. Raises NotFound."""
        text = await self.neighbours.fleet.text(app)
        if text is None:
            raise NotFound(f"There is no app {app!r} in the fleet", hint="`pullet status` lists those there are.")
        return text

    async def edit(self, app: str, edit: Callable[[str], str], *, author: str, reason: str) -> None:
        """One change of the app's file. One at a time: of two at once, neither may be lost. Raises NotFound."""
        async with self._editing:
            text = edit(await self.file_of(app))
            await self.neighbours.fleet.write(app, text, author=author, reason=reason)
        await self.target.refresh()

    async def commit(self, app: str, text: str | None, *, author: str, reason: str) -> None:
        """One change of desired state: a commit, then the loops are told."""
        await self.neighbours.fleet.write(app, text, author=author, reason=reason)
        await self.target.refresh()
