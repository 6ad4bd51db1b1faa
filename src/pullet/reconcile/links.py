"""Makes what outlives releases appear in a release's tree: a link from `media` to the volume's folder.

The tree is hostile: it may hold links, files or folders in the way. Nothing is followed on the way to the link's place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pullet.domain.errors import ServiceFailed
from pullet.drivers.removing import remove_folder


def place_link(root: Path, path: str, target: str) -> None:
    """`root/path` leads to `target` from now on; what the commit has there goes.

    Raises ServiceFailed where something on the way is no folder.
    """
    *parents, name = PurePosixPath(path).parts
    with _folder(root, parents) as folder:
        if _link_at(name, folder) == target:
            return
        _remove(name, folder)
        os.symlink(target, f".{name}.new", dir_fd=folder)
        os.rename(f".{name}.new", name, src_dir_fd=folder, dst_dir_fd=folder)


def without_linked(paths: Iterable[str], linked: Iterable[str]) -> list[str]:
    """Of files of a commit those that no link has taken the place of: the others are meant to be missing."""
    covers = [PurePosixPath(path) for path in linked]
    return [path for path in paths if not any(PurePosixPath(path).is_relative_to(cover) for cover in covers)]


@contextlib.contextmanager
def _folder(root: Path, parents: Iterable[str]) -> Iterator[int]:
    """A descriptor of the folder below `root`, made where it is missing, reached through folders only."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for parent in parents:
            with contextlib.suppress(FileExistsError):
                os.mkdir(parent, 0o755, dir_fd=folder)
                owner = os.fstat(folder)
                os.chown(parent, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)
            inner = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    except OSError as err:
        if err.errno not in _IN_THE_WAY:
            raise
        raise ServiceFailed(
            f"{'/'.join(parents)} in the repository is no folder, so nothing persistent can appear in it",
            context=str(err),
            hint="Choose another path for the service in pullet.toml.",
        ) from err
    finally:
        os.close(folder)


_IN_THE_WAY = (errno.ENOTDIR, errno.ELOOP)


def _link_at(name: str, folder: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _remove(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            remove_folder(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f".{name}.new", dir_fd=folder)
