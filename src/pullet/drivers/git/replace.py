"""Put files into a tree that a hostile app may be changing at this very moment.

Every step is relative to an open folder and follows no link, so nothing outside the tree can be reached, whatever the
app puts in the way.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pullet.drivers.git.manifest import Recorded, from_stat
from pullet.drivers.removing import remove_folder

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(tree: Path, path: str, source: Path, before: Recorded) -> Recorded:
    """Move `source` (on the same file system) to `path` in the tree, with the owner of the tree and the recorded mode
    and mtime: bytecode compiled from the original stays valid, bytecode compiled from the change does not."""
    root = os.open(tree, _FOLDER)
    try:
        owner = os.fstat(root)
        _prepare(source, before, owner)
        *folders, name = path.split("/")
        folder = _open_folders(root, folders, owner)
        try:
            _move(source, folder, name)
            return from_stat(os.stat(name, dir_fd=folder, follow_symlinks=False), before.oid)
        finally:
            os.close(folder)
    finally:
        os.close(root)


def _prepare(source: Path, before: Recorded, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.chown(source, owner.st_uid, owner.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(before.mode):
        source.chmod(stat.S_IMODE(before.mode))
    os.utime(source, ns=(before.mtime, before.mtime), follow_symlinks=False)


def _open_folders(root: int, names: list[str], owner: os.stat_result) -> int:
    current = os.dup(root)
    for name in names:
        try:
            following = _open_folder(current, name, owner)
        finally:
            os.close(current)
        current = following
    return current


def _open_folder(parent: int, name: str, owner: os.stat_result) -> int:
    """Open the folder; what has its name and is none gives way."""
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError:  # a file (ENOTDIR) or a link (ELOOP)
        os.unlink(name, dir_fd=parent)
    os.mkdir(name, 0o755, dir_fd=parent)
    folder = os.open(name, _FOLDER, dir_fd=parent)
    if os.geteuid() == 0:
        os.fchown(folder, owner.st_uid, owner.st_gid)
    return folder


def _move(source: Path, folder: int, name: str) -> None:
    try:
        os.rename(source, name, dst_dir_fd=folder)
    except IsADirectoryError:
        remove_folder(name, dir_fd=folder)
        os.rename(source, name, dst_dir_fd=folder)
