"""The files of a suite, in a folder of its own that tests may write to: what tests change changes nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from pullet.domain.errors import TestsFailed

_SIZE = 2 << 30  # bytes of all files
_CHUNK = 1 << 20


def copied(origin: Path, files: Iterable[str], top: Path) -> str:
    """Copy these files, and the links among them, to `top`; a digest of their paths and content.

    Links are copied as links, so what one leads to outside is not there. Blocking. Raises TestsFailed over the limit.
    """
    whole, size = hashlib.sha256(), 0
    top.mkdir(parents=True, exist_ok=True)
    for path in sorted(set(files)):
        try:
            status = os.lstat(origin / path)
            size += status.st_size
            if size > _SIZE:
                raise TestsFailed(f"{origin} has more than {_SIZE >> 30} GB of files", hint="Have git ignore data.")
            content = _copy(origin / path, top / path, status)
        except FileNotFoundError:
            continue
        whole.update(f"{path}\0{content}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _copy(file: Path, to: Path, status: os.stat_result) -> str:
    """What decides whether two files are equal."""
    if stat.S_ISLNK(status.st_mode):
        to.parent.mkdir(parents=True, exist_ok=True)
        to.symlink_to(file.readlink())
        return f"link {file.readlink()}"
    if not stat.S_ISREG(status.st_mode):
        return "nothing"
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, to, follow_symlinks=False)
    with to.open("rb") as copy:
        digest = hashlib.sha256()
        while chunk := copy.read(_CHUNK):
            digest.update(chunk)
    return f"{status.st_mode & 0o111:o} {digest.hexdigest()}"
