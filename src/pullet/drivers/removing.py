"""Folders go with all that is in them, whatever a hostile program has put there."""

from __future__ import annotations

import itertools
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_folder(folder: Path | str, *, dir_fd: int | None = None) -> None:
    """`folder` is relative to the descriptor `dir_fd` where one is given.

    Links are removed and never followed; a folder that is not there is fine. Raises OSError where something stays.

    `shutil.rmtree` calls itself for each level before Python 3.13, so a thousand folders inside one another would end
    the daemon. Here each is moved up to the top before its turn comes: depth costs neither stack nor descriptors.
    """
    try:
        top = _opened(folder, dir_fd)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    os.rmdir(folder, dir_fd=dir_fd)


def _empty(top: int) -> None:
    prefix = secrets.token_hex(8)
    fresh = (f"{prefix}-{number}" for number in itertools.count())
    names = os.listdir(top)
    while names:
        name = names.pop()
        if _is_folder(name, top):
            names += _lifted(name, top, fresh)
        else:
            _unlink(name, top)


def _lifted(name: str, top: int, fresh: Iterator[str]) -> list[str]:
    """Remove the folder; what folders are in it are in `top` from now on, under the names that are returned."""
    lifted = []
    inner = _opened(name, top)
    try:
        for each in os.listdir(inner):  # noqa: PTH208 - a descriptor
            if _is_folder(each, inner):
                lifted.append(next(fresh))
                _move(each, inner, lifted[-1], top)
            else:
                _unlink(each, inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)
    return lifted


def _opened(name: str | Path, parent: int | None) -> int:
    try:
        inner = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        _allow(name, parent)
        inner = os.open(name, _FOLDER, dir_fd=parent)
    with suppress(PermissionError):
        os.fchmod(inner, stat.S_IRWXU)
    return inner


def _move(name: str, parent: int, new: str, top: int) -> None:
    try:
        os.rename(name, new, src_dir_fd=parent, dst_dir_fd=top)
    except PermissionError:  # a folder that nobody may write to cannot be moved either
        _allow(name, parent)
        os.rename(name, new, src_dir_fd=parent, dst_dir_fd=top)


def _allow(name: str | Path, parent: int | None) -> None:
    """Only where Pullet is not root, and so the owner: the way out for what an app has locked."""
    os.chmod(name, stat.S_IRWXU, dir_fd=parent)


def _is_folder(name: str, parent: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _unlink(name: str, parent: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)
