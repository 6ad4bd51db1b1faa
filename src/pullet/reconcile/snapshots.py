"""Databases as they were before the release commands of a deployment: what a migration spoilt can be put back.

Small ones only: a deployment must not take as long as a dump of everything.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.identity import EnvironmentKey, ReleaseId, slug
from pullet.domain.services import ServiceState, ServiceType
from pullet.ports import LogSink
from pullet.reconcile.neighbours import Neighbours

LARGEST = 64 << 20  # bytes; a dump of that takes about a second
KEEP = 3  # deployments
_DATABASES = (ServiceType.POSTGRESQL, ServiceType.SQLITE)


@dataclass(frozen=True)
class Snapshot:
    release: int
    """Before whose release commands it was taken."""
    service: str
    folder: Path
    """A dump."""


class Snapshots:
    """Of one environment."""

    def __init__(self, neighbours: Neighbours, environment: EnvironmentKey) -> None:
        self._world = neighbours
        self._environment = environment
        self._top = neighbours.home.snapshots / environment.app / environment.name

    async def take(self, release: ReleaseId, log: LogSink) -> bool:
        """Whether any was taken. Safe to call again: the first of a release is the one that counts."""
        states = await self._world.services.observe(self._environment)
        fitting = [state for state in states if state.type in _DATABASES and 0 < state.size <= LARGEST]
        for state in fitting:
            await self._take(release, state, log)
        await asyncio.to_thread(self._prune)
        return bool(fitting)

    def all(self) -> Sequence[Snapshot]:
        """The newest first."""
        numbers = sorted((int(path.name) for path in self._top.glob("[0-9]*")), reverse=True)
        return [
            Snapshot(number, folder.name, folder)
            for number in numbers
            for folder in sorted((self._top / str(number)).iterdir())
            if not folder.name.endswith(".new")
        ]

    async def _take(self, release: ReleaseId, state: ServiceState, log: LogSink) -> None:
        folder = self._top / str(release.number) / slug(state.key.name)
        if folder.exists():
            return
        new = folder.with_name(f"{folder.name}.new")
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        await self._world.services.provider(state.type).dump(state.key, new)
        new.rename(folder)
        log(f"{state.key.name}: kept as it is before the release commands")

    def _prune(self) -> None:
        numbers = sorted(int(path.name) for path in self._top.glob("[0-9]*"))
        for number in numbers[:-KEEP]:
            shutil.rmtree(self._top / str(number), ignore_errors=True)
