"""Every app gets a user of its own where Pullet is root: a bare number, no entry in /etc/passwd is needed.

The numbers are kept in `users.json` in the home, because files on disk belong to them: a number is never given twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from pathlib import Path

FIRST_USER = 61000


def user_of(path: Path, app: str) -> int:
    """The app's uid (and gid), allocated at its first use. `path` is the file of numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if app not in known:
            known[app] = max(known.values(), default=FIRST_USER - 1) + 1
            new = path.with_suffix(".new")
            new.write_text(json.dumps(known))
            new.rename(path)
        return known[app]


def give_tree(root: Path, user: int) -> None:
    """Make `user` the owner of everything under `root`; by descriptors: no link is followed, not even a new one.

    Files with several names stay as they are: the other name may be another app's, or a shared cache's.
    """
    for _, folders, files, descriptor in os.fwalk(root, follow_symlinks=False):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                    os.chown(name, user, user, dir_fd=descriptor, follow_symlinks=False)
    os.chown(root, user, user, follow_symlinks=False)
