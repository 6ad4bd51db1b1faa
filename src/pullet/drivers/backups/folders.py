"""What is in the folders that go into a backup and come out of one."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from pullet.domain.errors import BackupFailed, Retry, UsageError

MANIFEST = ".pullet-backup.json"
_SKELETON = frozenset({"data", "index", "keys", "locks", "snapshots", "tmp", "lost+found"})


def measure(folder: Path) -> tuple[int, int]:
    """(regular files, their bytes), less the manifest at the top; follows no link."""
    files = size = 0
    for where, _, names in os.walk(folder, onerror=_refuse):
        for name in names:
            status = os.lstat(os.path.join(where, name))  # noqa: PTH118 - a Path a file is slow over a million
            if stat.S_ISREG(status.st_mode):
                files += 1
                size += status.st_size
    manifest = folder / MANIFEST
    return (files - 1, size - manifest.stat().st_size) if manifest.is_file() else (files, size)


def _refuse(err: OSError) -> None:
    raise err  # os.walk would leave out what it cannot read, and call that everything


def refuse_existing(destination: Path) -> None:
    if destination.is_symlink() or destination.exists():
        raise UsageError(f"{destination} is there already", hint="Restore to a place that does not exist yet.")


def remove(folder: Path) -> None:
    """Remove the folder, also where directories in it forbid that to their owner."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder, onerror=_allow_and_retry)


def _allow_and_retry(act: Callable[[str], object], path: str, _: object) -> None:
    for place in (Path(path).parent, Path(path)):
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o700)
    if Path(path).is_dir() and not Path(path).is_symlink():
        shutil.rmtree(path)
    else:
        act(path)


def clear_for_init(folder: Path) -> None:
    """Have an empty place for a new repository: what a making that was killed left behind is taken away.

    Raises BackupFailed for a folder that holds anything else, and for a repository that lost its configuration.
    """
    foreign = {entry.name for entry in folder.iterdir()} - _SKELETON
    kept = [path for name in ("data", "index", "snapshots") for path in (folder / name).rglob("*") if path.is_file()]
    if foreign or kept:
        raise BackupFailed(
            f"{folder} is neither empty nor whole: it holds no repository of backups",
            context=f"Found: {', '.join(sorted(foreign)[:5]) or kept[0].relative_to(folder)}",
            hint="Name an empty folder as `destination` in settings.toml, or put back the repository's `config` file.",
            retry=Retry.NEXT_REVISION,
        )
    for path in (folder / "keys").glob("*"):  # newer versions of restic begin nothing beside a key
        path.unlink()
