"""Backups of the target: dumps of the services, what Pullet itself made and keeps, and the local fleet repository.

With the target's key, one of these is all that a new machine needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pullet import __version__
from pullet.domain.app import Schedule
from pullet.domain.backup import Backup, BackupManifest, BackupReason, Retention, SavedService
from pullet.domain.errors import BackupFailed, NotFound, PulletError
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, is_trial, slug
from pullet.domain.services import ServiceKey, ServiceSpec, ServiceState
from pullet.planner.schedule import due, next_run
from pullet.ports import Backups, Clock, Store
from pullet.reconcile.disk import disk_may_be_full, note_if_possible
from pullet.reconcile.services import Services

TARGET_FILES = "target"
"""Folder of a backup for what belongs to no environment: generated secrets, the local fleet repository."""
_LOOK = 60.0  # seconds
_NAME = "backup"


@dataclass(frozen=True)
class BackupPlan:
    """When the whole target is backed up, and how many of these are kept."""

    target: str
    schedule: Schedule
    retention: Retention


class Safekeeping:
    def __init__(
        self, home: Home, clock: Clock, store: Store, services: Services, backups: Backups, plan: BackupPlan
    ) -> None:
        self.backups = backups
        self.plan = plan
        self.fleet_commit: Callable[[], str] = lambda: ""
        """Set by the loop that reads the fleet."""
        self._home = home
        self._clock = clock
        self._store = store
        self._services = services

    async def environment(self, key: EnvironmentKey, reason: BackupReason) -> Backup:
        """One environment's services as one backup. Raises BackupFailed, ServiceFailed, DiskFull."""
        return await self._save(await self._services.observe(key), reason)

    async def everything(self, reason: BackupReason) -> Backup:
        """The whole target: every service there is data of, and what Pullet made itself.

        Data of a trial may be gone before they are read, and nobody wants them back.
        """
        states = [each for each in await self._services.observe() if not is_trial(each.key.environment)]
        return await self._save(states, reason, self._home.secrets, self._home.fleet)

    async def run(self) -> None:
        """Until cancelled: by its schedule, and again when one was missed."""
        first = self._clock.now()
        while True:
            last = next(iter(self._store.runs.of("", _NAME, limit=1)), None)
            now = self._clock.now()
            moment = due(self.plan.schedule, last.due if last is not None else first, now)
            if moment is not None:
                await self._by_schedule(moment)
            await asyncio.sleep(min(_LOOK, max(0.05, next_run(self.plan.schedule, now) - now)))

    @contextlib.asynccontextmanager
    async def opened(self, backup: str) -> AsyncIterator[tuple[BackupManifest, Path]]:
        """A backup's manifest and its files, verified, for as long as the block runs."""
        async with self.folder() as folder:
            manifest = await self.backups.restore(backup, folder / "files")
            yield manifest, folder / "files"

    async def choose(self, wanted: str | None, environment: EnvironmentKey | None) -> str:
        """The id of a backup: the one that starts so, else the newest that has this environment. Raises NotFound."""
        found = [each for each in reversed(await self.backups.list()) if each.id.startswith(wanted or "")]
        for each in found:
            if wanted or environment is None:
                return each.id
            manifest = await self.backups.manifest(each.id)
            if any(service.key.environment == environment for service in manifest.services):
                return each.id
        what = f"with the id {wanted}" if wanted else f"of {environment}" if environment else "at all"
        raise NotFound(f"There is no backup {what}", hint="`pullet backups` lists those there are.")

    async def _by_schedule(self, moment: float) -> None:
        run = self._store.runs.begin("", _NAME, moment)
        try:
            with disk_may_be_full("a backup"):
                backup = await self.everything(BackupReason.SCHEDULED)
                await self.backups.prune(self.plan.target, self.plan.retention)
        except PulletError as err:
            self._store.runs.finish(run, 1, err.message)
            note_if_possible(self._store, "backup", f"The backup failed: {err.message}")
        else:
            self._store.runs.finish(run, 0, backup.id)

    async def _save(self, states: Iterable[ServiceState], reason: BackupReason, *folders: Path) -> Backup:
        async with self.folder() as top:
            saved = [await self._dump(state, top) for state in states]
            for folder in folders:
                if folder.is_dir():
                    await asyncio.to_thread(shutil.copytree, folder, top / TARGET_FILES / folder.name, symlinks=True)
            if not saved and not any((top / TARGET_FILES).glob("*")):
                raise BackupFailed("There is nothing to back up", hint="`pullet services APP` lists what has data.")
            manifest = BackupManifest(self.plan.target, tuple(saved), self.fleet_commit(), __version__, reason)
            return await self.backups.save(top, manifest)

    async def _dump(self, state: ServiceState, top: Path) -> SavedService:
        place = f"{state.key.environment}/{slug(state.key.name)}"
        folder = top / place
        folder.mkdir(parents=True)
        await self._services.provider(state.type).dump(state.key, folder)
        return SavedService(state.key, self.spec_of(state), place)

    def spec_of(self, state: ServiceState) -> ServiceSpec:
        """As the newest release that asks for it says; what nobody asks for any more keeps its name and type."""
        for release in reversed(self._store.releases.of(state.key.environment)):
            for spec in release.spec.services if release.spec else ():
                if (spec.name, spec.type) == (state.key.name, state.type):
                    return spec
        return ServiceSpec(state.key.name, state.type)

    @contextlib.asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """For data in the clear: nobody else may look, and nothing of it stays."""
        top = self._home.cache / "safekeeping"
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = top / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def put_back_own_files(self, files: Path) -> None:
        """The generated secrets, and the local fleet repository where this home's has no app yet."""
        own = files / TARGET_FILES
        if (own / self._home.secrets.name).is_dir():
            shutil.copytree(own / self._home.secrets.name, self._home.secrets, dirs_exist_ok=True)
        fleet = own / self._home.fleet.name
        if fleet.is_dir() and not any(self._home.fleet.glob("targets/*/apps/*.toml")):
            shutil.rmtree(self._home.fleet, ignore_errors=True)
            shutil.copytree(fleet, self._home.fleet, symlinks=True)

    async def clear(self) -> None:
        """At the daemon's start: what one that was killed left in the clear."""
        await asyncio.to_thread(shutil.rmtree, self._home.cache / "safekeeping", ignore_errors=True)


def chosen(manifest: BackupManifest, keys: Sequence[ServiceKey] | None) -> tuple[SavedService, ...]:
    """Those of the manifest that are asked for; None: all. Raises NotFound for one that it has not."""
    if keys is None:
        return manifest.services
    found = tuple(service for service in manifest.services if service.key in keys)
    missing = {*keys} - {service.key for service in found}
    if missing:
        raise NotFound(f"The backup has no {', '.join(map(str, sorted(missing)))}")
    return found
