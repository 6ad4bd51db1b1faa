"""Polling a repository on this box: a few stats while nothing changed, a reading of its ref files when something did.

git replaces ref files by renaming, so every change shows in the stat of HEAD, of packed-refs or of a folder of refs.
The stats run on the event loop: they take about 15 µs, a hand-over to a thread takes several times that. What is not
laid out in the classic way (reftable, a tag object that is not peeled) is left to git itself.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.errors import SourceError
from pullet.domain.refs import Refs
from pullet.drivers.git.advertised import Advertised, collect, is_sha

_RACY = 2_000_000_000  # ns: a change as young as this may hide another in the same tick of the file system's clock
_REF_LIMIT = 4096  # bytes; a loose ref has 41, or the name of another
_PACKED_LIMIT = 64 << 20  # bytes
_SYMBOLIC_DEPTH = 5  # as in git

Signature = tuple[tuple[int, int, int] | None, ...]


class NotClassic(Exception):
    """The refs cannot be read as files: ask git."""


@dataclass(frozen=True)
class RepositoryFolders:
    head: Path
    """The folder that holds HEAD: the repository's own, or a worktree's."""
    common: Path
    """The folder that holds refs and packed-refs."""


@dataclass(frozen=True)
class Seen:
    """What the last reading saw, and the stats by which to know that it still holds."""

    watched: tuple[str, ...]
    signature: Signature
    read_at: int
    """ns since the epoch."""
    refs: Refs

    def still_holds(self) -> bool:
        newest = max((entry[0] for entry in self.signature if entry), default=0)
        return self.read_at - newest > _RACY and _signature(self.watched) == self.signature


def find_repository(path: Path) -> RepositoryFolders:
    """Where git keeps things for `path`: bare, with a work tree, or a worktree of another. Raises SourceError."""
    for candidate in (path / ".git", path):
        folder = _follow_git_file(candidate) if candidate.is_file() else candidate
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            return RepositoryFolders(folder, folder)
        if (folder / "HEAD").is_file() and (folder / "commondir").is_file():
            return RepositoryFolders(folder, (folder / _text(folder / "commondir").strip()).resolve())
    if not path.exists():
        raise SourceError(f"{path} does not exist", hint="Check the path of the source.")
    raise SourceError(
        f"{path} is not a git repository", hint=f"Run `git init` and commit in {path}, or check the path of the source."
    )


def read(folders: RepositoryFolders, peeled: dict[str, str]) -> Seen:
    """Read all refs. `peeled` maps tag objects that are known already to what they point at.

    Raises NotClassic where git itself has to be asked.
    """
    read_at = time.time_ns()
    if (folders.common / "reftable").exists():
        raise NotClassic
    names = dict(_loose(folders.common))
    watched = _watched(folders, (name for name, content in names.items() if content is None))
    signature = _signature(watched)  # before the reading: a change in between makes the next poll read again
    refs = {**_packed(folders.common / "packed-refs"), **_contents(folders.common, names, peeled)}
    head = _text(folders.head / "HEAD").strip()
    target = head.removeprefix("ref: ").strip() if head.startswith("ref: ") else None
    return Seen(watched, signature, read_at, collect([*refs.values(), Advertised("HEAD", "", target=target)]))


def _watched(folders: RepositoryFolders, directories: Iterator[str]) -> tuple[str, ...]:
    fixed = (folders.head / "HEAD", folders.common / "packed-refs")
    return (*map(str, fixed), *(f"{folders.common}/{name}" for name in directories))


def _signature(paths: tuple[str, ...]) -> Signature:
    return tuple(_stat(path) for path in paths)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        seen = os.stat(path)  # noqa: PTH116 - a thousand repositories a second: Path costs as much as the call
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


def _loose(common: Path) -> Iterator[tuple[str, str | None]]:
    """(name, "") of each ref file and (name, None) of each folder below refs/heads and refs/tags."""
    waiting = ["refs", "refs/heads", "refs/tags"]
    while waiting:
        folder = waiting.pop()
        yield folder, None
        if folder == "refs" or not (common / folder).is_dir():
            continue
        with os.scandir(common / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                else:
                    yield name, ""


def _contents(common: Path, names: dict[str, str | None], peeled: dict[str, str]) -> dict[str, Advertised]:
    found = {}
    for name, content in names.items():
        if content is None or name.endswith(".lock"):
            continue
        sha = _resolve(common, name)
        if sha is None:
            continue
        if name.startswith("refs/tags/"):
            sha = _peel(sha, peeled)
        found[name] = Advertised(name, sha)
    return found


def _peel(sha: str, peeled: dict[str, str]) -> str:
    if sha not in peeled:
        raise NotClassic
    return peeled[sha]


def _resolve(common: Path, name: str) -> str | None:
    for _ in range(_SYMBOLIC_DEPTH):
        text = _text(common / name).strip()
        if is_sha(text):
            return text
        if not text.startswith("ref: refs/") or ".." in text:
            return None
        name = text.removeprefix("ref: ")
    return None


def _packed(path: Path) -> dict[str, Advertised]:
    """packed-refs: `sha SP name`, then `^sha` for what an annotated tag points at."""
    lines = _text(path, _PACKED_LIMIT).split("\n")
    if lines[0] and "fully-peeled" not in lines[0]:
        raise NotClassic
    found: dict[str, Advertised] = {}
    name = ""
    for line in lines[1:]:
        if line.startswith("^"):
            found[name] = Advertised(name, found[name].sha, peeled=line[1:]) if name in found else Advertised(name, "")
        elif line:
            sha, _, name = line.partition(" ")
            found[name] = Advertised(name, sha)
    return found


def _follow_git_file(path: Path) -> Path:
    return path.parent / _text(path).removeprefix("gitdir:").strip()


def _text(path: Path, limit: int = _REF_LIMIT) -> str:
    """A small regular file, empty where there is none. A pipe or a device in its place blocks nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as err:
        raise SourceError(
            f"{path} cannot be read", context=str(err), hint="Let the user that runs Pullet read it."
        ) from err
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return ""
        if status.st_size > limit:
            raise NotClassic
        return file.read(limit).decode("utf-8", "surrogateescape")
