"""Backups as plain copies in a folder: the key is compared, damage is found by a hash over everything."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from pullet.domain import codec
from pullet.domain.backup import Backup, BackupManifest, BackupReason, Retention
from pullet.domain.errors import BackupFailed, NotFound, UsageError
from pullet.domain.runtime import Capability


class FakeBackups:
    def __init__(self, destination: Path, key: str) -> None:
        self._root = destination
        self._key = key

    async def save(self, folder: Path, manifest: BackupManifest) -> Backup:
        self._open()
        (self._root / "key").write_text(self._key)
        number = next(n for n in itertools.count(1) if not (self._root / f"{n:08x}").exists())
        place = self._root / f"{number:08x}"
        shutil.copytree(folder, place / "data", symlinks=True)
        (place / "manifest.json").write_text(codec.dumps(manifest))
        (place / "hash").write_text(_hash(place / "data"))
        return self._backup(place)

    async def list(self) -> Sequence[Backup]:
        self._open()
        return [self._backup(place) for place in self._places()]

    async def manifest(self, backup: str) -> BackupManifest:
        return self._manifest(self._find(backup))

    async def restore(self, backup: str, destination: Path) -> BackupManifest:
        place = self._find(backup)
        if destination.exists():
            raise UsageError(f"{destination} is there already")
        if _hash(place / "data") != (place / "hash").read_text():
            raise BackupFailed(f"Backup {backup} is damaged")
        shutil.copytree(place / "data", destination, symlinks=True)
        return self._manifest(place)

    async def check(self) -> None:
        self._open()
        for place in self._places():
            if _hash(place / "data") != (place / "hash").read_text():
                raise BackupFailed(f"Backup {place.name} is damaged")

    async def prune(self, target: str, retention: Retention) -> int:
        """Knows `keep_last` only: its backups are all of one day."""
        self._open()
        removed = 0
        for reason in BackupReason:
            of_it = [one for one in await self.list() if one.target == target and one.reason is reason]
            for one in of_it[: -max(1, retention.keep_last)]:
                shutil.rmtree(self._root / one.id)
                removed += 1
        return removed

    async def capabilities(self) -> Sequence[Capability]:
        return (Capability("backups", True, "a fake"),)

    def _open(self) -> None:
        if not self._root.is_dir():
            raise BackupFailed(f"{self._root} is not there")
        key = self._root / "key"
        if key.exists() and key.read_text() != self._key:
            raise BackupFailed("another key")

    def _places(self) -> Iterable[Path]:
        return sorted(path for path in self._root.iterdir() if path.is_dir())

    def _find(self, backup: str) -> Path:
        self._open()
        for place in self._places():
            if place.name == backup:
                return place
        raise NotFound(f"There is no backup {backup}")

    @staticmethod
    def _manifest(place: Path) -> BackupManifest:
        return codec.loads(BackupManifest, (place / "manifest.json").read_text())

    def _backup(self, place: Path) -> Backup:
        manifest = self._manifest(place)
        files = [path for path in (place / "data").rglob("*") if path.is_file() and not path.is_symlink()]
        size = sum(path.stat().st_size for path in files)
        at = (place / "manifest.json").stat().st_mtime
        return Backup(place.name, at, manifest.target, manifest.reason, len(files), size)


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
        if path.is_file() and not path.is_symlink():
            digest.update(path.read_bytes())
    return digest.hexdigest()
