"""How the files of a check-out were when they were written: one lstat a file tells whether they still are.

The manifest lies beside the tree, out of the app's reach. Where a stat differs, the content decides: a file that was
merely linked to, or given another owner, is no drift.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.errors import SourceError
from pullet.drivers.git.files import write_whole
from pullet.drivers.git.tree import Entry

_HEADER = "pullet manifest 1"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Recorded:
    oid: str
    mode: int
    size: int
    mtime: int
    """ns"""
    ctime: int
    """ns"""
    inode: int

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """What a change of owner or permissions leaves as it is."""
        return stat.S_IFMT(self.mode), self.size, self.mtime, self.inode


@dataclass(frozen=True)
class Manifest:
    sha: str
    files: dict[str, Recorded]


def manifest_path(destination: Path) -> Path:
    return destination.with_name(f"{destination.name}.manifest")


def take(folder: Path, sha: str, entries: Iterable[Entry]) -> Manifest:
    """Record a tree that was just written."""
    files = {entry.path: recorded(folder, entry.path, entry.oid) for entry in entries if entry.kind != "submodule"}
    return Manifest(sha, {path: seen for path, seen in files.items() if seen is not None})


def recorded(folder: Path, path: str, oid: str) -> Recorded | None:
    """None where there is no such file."""
    try:
        seen = os.lstat(f"{folder}/{path}")
    except (FileNotFoundError, NotADirectoryError, OSError):
        return None
    return from_stat(seen, oid)


def from_stat(seen: os.stat_result, oid: str) -> Recorded:
    return Recorded(oid, seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def save(destination: Path, manifest: Manifest) -> None:
    lines = [f"{_HEADER} {manifest.sha}"]
    for path, file in manifest.files.items():
        lines.append(f"{file.oid} {file.mode} {file.size} {file.mtime} {file.ctime} {file.inode} {path}")
    write_whole(manifest_path(destination), "\0".join(lines).encode("utf-8", "surrogateescape"))


def load(destination: Path) -> Manifest | None:
    """None where there is none, or half of one."""
    try:
        text = manifest_path(destination).read_bytes().decode("utf-8", "surrogateescape")
        header, *lines = text.split("\0")
        return Manifest(header.removeprefix(f"{_HEADER} "), dict(_line(line) for line in lines))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as err:
        raise SourceError(f"The manifest of {destination} cannot be read", context=str(err)) from err


def _line(line: str) -> tuple[str, Recorded]:
    oid, mode, size, mtime, ctime, inode, path = line.split(" ", 6)
    return path, Recorded(oid, int(mode), int(size), int(mtime), int(ctime), int(inode))


def accept_owners(destination: Path, manifest: Manifest) -> Manifest:
    """Take over what a change of owner or permissions changed; anything else stays a difference."""
    files = {}
    for path, before in manifest.files.items():
        now = recorded(destination, path, before.oid)
        files[path] = now if now is not None and now.identity == before.identity else before
    return Manifest(manifest.sha, files)


def changed(destination: Path, manifest: Manifest) -> list[str]:
    """The files that are no longer as they were written."""
    return [path for path, before in manifest.files.items() if not _same(destination, path, before)]


def _same(destination: Path, path: str, before: Recorded) -> bool:
    now = recorded(destination, path, before.oid)
    if now == before:
        return True
    if now is None or (now.mode, now.size) != (before.mode, before.size) or _through_link(destination, path):
        return False
    return _blob_id(f"{destination}/{path}", now, len(before.oid)) == before.oid


def _through_link(destination: Path, path: str) -> bool:
    """Whether a folder on the way was replaced by a link: then it is another file, whatever it holds."""
    folder = os.path.dirname(f"{os.path.realpath(destination)}/{path}")  # noqa: PTH120 - names with odd bytes stay as they are
    return os.path.realpath(folder) != folder


def _blob_id(path: str, now: Recorded, digits: int) -> str:
    """git's object id of a file or link, gitformat: `blob SP size NUL content`."""
    digest = hashlib.sha256() if digits == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % now.size)
    if stat.S_ISLNK(now.mode):
        digest.update(os.readlink(os.fsencode(path)))  # noqa: PTH115 - bytes
        return digest.hexdigest()
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()
    return ""
