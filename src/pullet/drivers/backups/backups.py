"""Backups in a restic repository: one backup is one snapshot, with its manifest at the top."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pullet.domain import codec
from pullet.domain.backup import Backup, BackupManifest, BackupReason, Retention
from pullet.domain.errors import BackupFailed, CommandFailed, MalformedData, NotFound, Retry
from pullet.domain.home import Home
from pullet.domain.runtime import Capability
from pullet.drivers.backups.failures import MISSING, backup_failed, file_trouble
from pullet.drivers.backups.folders import MANIFEST, clear_for_init, measure, refuse_existing, remove
from pullet.drivers.backups.program import present_restic
from pullet.drivers.backups.restic import LONG, Destination, Restic
from pullet.drivers.git.files import write_whole
from pullet.drivers.process import ProcessRunner, last_lines

_TAG = "pullet"
_INCOMPLETE = 3  # restic's exit code for a snapshot that lacks files it could not read
_SOURCES_GONE = "Some files could not be read, so there is no new backup"


class ResticBackups:
    """Backups of one target at one destination: an absolute folder, or `s3:https://host/bucket/path`.

    `key` is the text of the target's key; `credentials` is what `read_credentials` gives. A restore reads and verifies
    every byte of that backup; damage elsewhere in the repository, which `check` finds, does not stand in its way.
    """

    def __init__(
        self,
        home: Home,
        runner: ProcessRunner,
        destination: str,
        key: str,
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home
        self._runner = runner
        self._destination = Destination(destination, key, credentials or {})
        self._restic = Restic(home, runner, self._destination)
        name = hashlib.sha256(destination.encode()).hexdigest()[:16]
        self._known = home.cache / "restic" / f"{name}.known"
        self._turn = asyncio.Lock()

    async def save(self, folder: Path, manifest: BackupManifest) -> Backup:
        async with self._turn:
            if not await self._present():
                await self._begin()
            note = folder / MANIFEST
            with file_trouble(_SOURCES_GONE):
                try:
                    write_whole(note, codec.dumps(manifest).encode())
                    files, size = await asyncio.to_thread(measure, folder)
                    made = await self._snapshot(folder, manifest, files, size)
                finally:
                    note.unlink(missing_ok=True)
            return await self._find(made)

    async def _snapshot(self, folder: Path, manifest: BackupManifest, files: int, size: int) -> str:
        """The id of the new snapshot. `--force`: a new dump may look, by its times, like the last one."""
        tags = f"{_TAG},reason={manifest.reason},files={files},size={size}"
        arguments = ("backup", "--json", "--quiet", "--force", f"--host={manifest.target}", f"--tag={tags}", ".")
        try:
            done = await self._restic.run("Could not save a backup", *arguments, cwd=folder, timeout=LONG)
        except BackupFailed as err:
            cause = err.__cause__
            if isinstance(cause, CommandFailed) and cause.exit_code == _INCOMPLETE:
                await self._restic.run("Could not drop a backup", "forget", _made(cause.output))
                raise BackupFailed(_SOURCES_GONE, context=last_lines(cause.output, 8)) from err
            raise
        return _made(done.text)

    async def list(self) -> Sequence[Backup]:
        async with self._turn:
            return await self._list()

    async def _list(self) -> Sequence[Backup]:
        if not await self._present():
            return ()
        done = await self._restic.run("Could not list the backups", "snapshots", "--json", "--no-lock", f"--tag={_TAG}")
        backups = (_backup(one) for one in json.loads(done.stdout) or ())
        return sorted((one for one in backups if one is not None), key=lambda one: one.at)

    async def _find(self, backup: str) -> Backup:
        if re.fullmatch("[0-9a-f]{8,64}", backup):
            for one in await self._list():
                if one.id.startswith(backup):
                    return one
        raise NotFound(
            f"There is no backup {backup!r} at {self._destination.location}", hint="Look at those there are."
        )

    async def manifest(self, backup: str) -> BackupManifest:
        async with self._turn:
            found = await self._find(backup)
            done = await self._restic.run("Could not read a backup", "dump", "--no-lock", found.id, f"/{MANIFEST}")
            return _manifest(found, done.stdout)

    async def restore(self, backup: str, destination: Path) -> BackupManifest:
        async with self._turn:
            found = await self._find(backup)
            partial = destination.with_name(f".{destination.name}.restoring")
            with file_trouble(f"Could not restore backup {found.id[:8]}"):
                await asyncio.to_thread(refuse_existing, destination)
                await asyncio.to_thread(remove, partial)  # of a restore that was killed
                try:
                    manifest = await self._restore(found, partial)
                    partial.rename(destination)
                finally:
                    await asyncio.to_thread(remove, partial)
            return manifest

    async def _restore(self, backup: Backup, folder: Path) -> BackupManifest:
        """All files and the manifest, compared with what was counted when it was saved. No lock is needed to read:
        what somebody removes meanwhile is missed, and refused."""
        arguments = ("restore", "--no-lock", "--verify", backup.id, f"--target={folder}")
        await self._restic.run(f"Could not restore backup {backup.id[:8]}", *arguments, timeout=LONG)
        note = folder / MANIFEST
        found = await asyncio.to_thread(measure, folder)
        if not note.is_file() or found != (backup.files, backup.size):
            raise BackupFailed(
                f"Backup {backup.id[:8]} is not whole",
                context=f"(files, bytes): {found}, not {(backup.files, backup.size)}",
                hint="Restore an older one.",
                retry=Retry.NEXT_REVISION,
            )
        manifest = _manifest(backup, note.read_bytes())
        note.unlink()
        return manifest

    async def check(self) -> None:
        async with self._turn:
            if await self._present():
                await self._restic.run("The backups are not sound", "check", "--read-data", "--quiet", timeout=LONG)

    async def prune(self, target: str, retention: Retention) -> int:
        async with self._turn:
            if not await self._present():
                return 0
            reasons = sorted({one.reason for one in await self._list() if one.target == target})
            removed = [await self._forget(target, reason, retention) for reason in reasons]
            await self._restic.run("Could not prune the backups", "prune", "--quiet", timeout=LONG)
            return sum(removed)

    async def _forget(self, target: str, reason: BackupReason, retention: Retention) -> int:
        rules = {
            "last": retention.keep_last,
            "daily": retention.keep_daily,
            "weekly": retention.keep_weekly,
            "monthly": retention.keep_monthly,
        }
        keep = [f"--keep-{name}={count}" for name, count in rules.items() if count]
        which = (f"--tag={_TAG},reason={reason}", f"--host={target}", "--group-by=")
        done = await self._restic.run("Could not prune the backups", "forget", "--json", "--quiet", *which, *keep)
        return sum(len(group.get("remove") or ()) for group in json.loads(done.stdout or b"[]") or ())

    async def capabilities(self) -> Sequence[Capability]:
        program = await present_restic(self._home.tools, self._runner)
        detail = str(program) if program else "restic is not here yet; it is fetched with the first backup"
        hint = "" if program else "apt-get install restic"
        return (Capability("backups", program is not None, detail, hint),)

    async def _present(self) -> bool:
        """Whether the repository is there. Raises BackupFailed where it was and is no longer."""
        with file_trouble(f"Cannot use {self._destination.location} for backups"):
            return await self._recognise()

    async def _recognise(self) -> bool:
        if not await self._answers():
            if self._known.exists():
                raise BackupFailed(
                    f"The backups at {self._destination.location} are gone",
                    hint="Is the disk mounted? Where they are to be begun anew, remove " + str(self._known),
                )
            return False
        if not self._known.exists():
            self._known.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._known.touch()
        return True

    async def _answers(self) -> bool:
        folder = self._destination.folder
        if folder is not None:
            if not folder.is_dir():
                raise BackupFailed(
                    f"The folder for backups is not there: {folder}",
                    hint="Mount the disk or make the folder; `destination` in settings.toml names it.",
                )
            return (folder / "config").exists()
        if self._known.exists():
            return True  # what is done next says so where that is wrong; a question more would cost a second
        try:
            await self._restic.attempt("cat", "config", "--no-lock")
        except CommandFailed as err:
            if MISSING.search(err.output):
                return False
            raise backup_failed("Could not open the backups", self._destination.location, err) from err
        return True

    async def _begin(self) -> None:
        if self._destination.folder is not None:
            with file_trouble(f"Cannot use {self._destination.folder} for backups"):
                await asyncio.to_thread(clear_for_init, self._destination.folder)
        await self._restic.run("Could not begin the backups", "init")
        await self._present()  # from now on its absence is an error


def _made(output: str) -> str:
    """The id in the summary that `backup --json` prints last."""
    ids = re.findall(r'"snapshot_id":\s*"([0-9a-f]{8,64})"', output)
    if not ids:
        raise BackupFailed("restic did not say what it saved", context=last_lines(output, 5))
    return str(ids[-1])


def _backup(snapshot: Mapping[str, Any]) -> Backup | None:
    """None for a snapshot that somebody made by hand."""
    tags = dict(tag.split("=", 1) for tag in snapshot.get("tags") or () if "=" in tag)
    try:
        return Backup(
            id=str(snapshot["id"]),
            at=datetime.fromisoformat(snapshot["time"]).timestamp(),
            target=str(snapshot["hostname"]),
            reason=BackupReason(tags["reason"]),
            files=int(tags["files"]),
            size=int(tags["size"]),
        )
    except (KeyError, ValueError):
        return None


def _manifest(backup: Backup, text: bytes) -> BackupManifest:
    try:
        return codec.loads(BackupManifest, text)
    except MalformedData as err:
        raise BackupFailed(
            f"The manifest of backup {backup.id[:8]} cannot be read",
            context=str(err),
            hint="A newer Pullet may have made it: use that version.",
            retry=Retry.NEXT_REVISION,
        ) from err
