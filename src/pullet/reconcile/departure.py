"""What becomes of an environment's spares and data when nobody wants the environment any more.

A preview takes its data with it, after a last backup. Any other environment leaves them where they are: `pullet down`
is not meant to cost a database.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from pullet.domain.backup import BackupReason
from pullet.domain.identity import EnvironmentKey
from pullet.reconcile.neighbours import Neighbours


class Departure:
    def __init__(self, neighbours: Neighbours, environment: EnvironmentKey) -> None:
        self._world = neighbours
        self._environment = environment

    def plan(self, *, takes_its_data: bool) -> None:
        """Noted beside the data, because the fleet says nothing any more when the time comes."""
        if takes_its_data:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._mark.touch()
        else:
            self._mark.unlink(missing_ok=True)

    async def leave(self) -> None:
        """Safe to call again. Raises what keeps the last backup from being made: then nothing is deleted."""
        services, key = self._world.services, self._environment
        await self._world.runtime.discard_spares(key)
        if not self._mark.exists():
            return await services.stop(key)
        if await services.observe(key):
            if self._world.safekeeping is not None:
                await self._world.safekeeping.environment(key, BackupReason.FINAL)
            await services.remove(key)
            self._world.store.events.append("data-removed", "The preview's data went with it.", environment=key)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        return None

    @property
    def _folder(self) -> Path:
        return self._world.home.services / self._environment.app / self._environment.name

    @property
    def _mark(self) -> Path:
        return self._folder / "preview"
