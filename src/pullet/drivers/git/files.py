"""Small file work."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pullet.domain.errors import DiskFull
from pullet.drivers.removing import remove_folder


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace the file in one act: a reader, or a crash, sees the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_full_at(path):
        temporary.write_bytes(data)
        temporary.chmod(mode)
        temporary.replace(path)


def remove_tree(path: Path) -> None:
    """Remove a folder and all that is in it, or a file; fine where there is none. Follows no link."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.exists():
        remove_folder(path)


@contextlib.contextmanager
def disk_full_at(path: Path) -> Iterator[None]:
    """Map a full disk to DiskFull."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"The disk is full: could not write {path}",
                context=str(err),
                hint="Free some space; `pullet doctor` shows what Pullet uses. Nothing that was live has changed.",
            ) from err
        raise
