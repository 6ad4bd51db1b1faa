"""Static files for the router to serve: a published tree of regular files that the app cannot point elsewhere.

The source folder is the app's, hence hostile, and may change while it is read. Every step therefore goes through an
open folder, follows no link, and takes only regular files that belong to the folder's owner; a name that begins with a
dot stays private (but for .well-known). Files are hardlinked where the router may read them, else copied.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pullet.domain.errors import RouterError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 40
_MOST_FILES = 50_000
_HEX = re.compile(r"[.-](?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{8,64}\.")
_BASE64 = re.compile(r"[.-](?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[A-Za-z0-9_-]{8}\.")


def has_hashed_name(name: str) -> bool:
    """True for `app.5f3a9c0d.js` and `index-BfX3k2_a.css`: another content would have another name.

    A hash without a digit and a letter is taken for a word or a date: that file is merely asked for again.

    >>> has_hashed_name("app.5f3a9c0d.js"), has_hashed_name("report-20240115.pdf"), has_hashed_name("my-document.js")
    (True, False, False)
    """
    return bool(_HEX.search(name) or _BASE64.search(name))


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Make the folder and its parents, with this mode whatever the umask: the router may be another user."""
    if not path.is_dir():
        make_folder(path.parent, mode)
        path.mkdir(exist_ok=True)
        path.chmod(mode)


def publish(mounts: tuple[tuple[str, str], ...], destination: Path, earlier: Path | None, trusted: Path) -> None:
    """Publish every (URL prefix, folder) into `destination`/forever and /fresh, and `earlier` into /previous.

    A folder that does not exist is an empty one: the requests go to the app. Raises RouterError for a folder that is
    not below `trusted` or is reached through a link.
    """
    if not mounts and (earlier is None or not earlier.is_dir()):
        return
    for prefix, folder in mounts:
        parts = _prefix_parts(prefix)
        with _open_below(trusted, Path(folder)) as source:
            if source is not None:
                _Publication(destination, source).folder(source, parts, 0)
    if earlier is not None and earlier.is_dir():
        _link_tree(earlier, destination / "previous")
    make_folder(destination)


def _prefix_parts(prefix: str) -> tuple[str, ...]:
    parts = tuple(part for part in prefix.split("/") if part)
    if any(part in (".", "..") or "\0" in part for part in parts):
        raise RouterError(f"{prefix!r} cannot be a static prefix", hint='Write it like "/static".')
    return parts


@contextlib.contextmanager
def _open_below(trusted: Path, folder: Path) -> Iterator[int | None]:
    """An open folder, reached from `trusted` without following any link; None where nothing is there."""
    try:
        parts = folder.relative_to(trusted).parts
    except ValueError:
        raise RouterError(f"{folder} is not a folder of an app", hint="Static folders lie in the release.") from None
    if ".." in parts:
        raise RouterError(f"{folder} leaves the release", hint="Static folders lie in the release.")
    handle = os.open(trusted, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            deeper = _open_folder(part, handle)
            os.close(handle)
            handle = -1
            if deeper is None:
                break
            handle = deeper
        yield handle if handle >= 0 else None
    finally:
        if handle >= 0:
            os.close(handle)


def _open_folder(name: str, parent: int) -> int | None:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        return None
    except OSError as err:  # a link (ELOOP, ENOTDIR) or a file
        raise RouterError(f"{name} is not a folder", context=str(err), hint="Links are not served.") from err


class _Publication:
    """One walk over one source folder."""

    def __init__(self, destination: Path, source: int) -> None:
        self.destination = destination
        self.owner = os.fstat(source).st_uid
        self.count = 0

    def folder(self, handle: int, parts: tuple[str, ...], depth: int) -> None:
        for name in sorted(os.listdir(handle)):
            if name.startswith(".") and name != ".well-known":
                continue
            kind = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
            if stat.S_ISREG(kind):
                self.file(name, handle, parts)
            elif stat.S_ISDIR(kind) and depth < _DEEPEST:
                self._descend(name, handle, parts, depth)

    def _descend(self, name: str, handle: int, parts: tuple[str, ...], depth: int) -> None:
        with contextlib.suppress(RouterError):  # it became a link since we looked: not served
            deeper = _open_folder(name, handle)
            if deeper is None:
                return
            try:
                self.folder(deeper, (*parts, name), depth + 1)
            finally:
                os.close(deeper)

    def file(self, name: str, handle: int, parts: tuple[str, ...]) -> None:
        self.count += 1
        if self.count > _MOST_FILES:
            raise RouterError(
                f"A static folder has more than {_MOST_FILES} files", hint="Let the app serve them, or name fewer."
            )
        folder = self.destination.joinpath("forever" if has_hashed_name(name) else "fresh", *parts)
        make_folder(folder)
        self._take(name, handle, folder / name)

    def _take(self, name: str, handle: int, target: Path) -> None:
        try:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
        except OSError:
            return  # gone, a link by now, or not ours to read: the app answers
        try:
            seen = os.fstat(source)
            if stat.S_ISREG(seen.st_mode) and seen.st_uid == self.owner:
                _link(name, handle, seen, target) or _copy(source, seen, target)
        finally:
            os.close(source)


def _link(name: str, handle: int, seen: os.stat_result, target: Path) -> bool:
    if not seen.st_mode & stat.S_IROTH:
        return False
    try:
        os.link(name, target, src_dir_fd=handle, follow_symlinks=False)
    except OSError:
        return False  # another file system, or a kernel that does not let us: copy
    linked = target.lstat()
    if (linked.st_dev, linked.st_ino) == (seen.st_dev, seen.st_ino):
        return True
    target.unlink()  # it was exchanged between the look and the link
    return False


def _copy(source: int, seen: os.stat_result, target: Path) -> bool:
    with contextlib.suppress(FileExistsError):
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as out:
            while chunk := os.read(source, 1 << 20):
                out.write(chunk)
            os.fchmod(out.fileno(), 0o644)
        os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    return True


def _link_tree(source: Path, destination: Path) -> None:
    """Our own published tree once more: no stranger writes there."""
    for folder, _, names in os.walk(source):
        there = destination / Path(folder).relative_to(source)
        make_folder(there)
        for name in names:
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(Path(folder) / name, there / name, follow_symlinks=False)
