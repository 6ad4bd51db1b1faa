"""What is in a commit: a listing from git's objects, judged by the limits, and the contents of its small files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.errors import CommandFailed, SourceError, SourceRefused
from pullet.drivers.git.limits import GitLimits, readable
from pullet.drivers.git.links import is_safe_path
from pullet.drivers.git.program import Git
from pullet.ports import TreeEntry

_LISTING_LIMIT = 64 << 20  # bytes of `git ls-tree`
_BATCH = 32 << 20  # bytes of contents that one git process hands over
_TIME_DIGITS = 11  # of seconds since the epoch: a commit may say any number, a date ends with the year 5138
_MISSING = re.compile(r"could not fetch ([0-9a-f]{40,64}) from promisor remote")
_LINK, _SUBMODULE = "120000", "160000"
_TOO_BIG_HINT = "Keep data out of git: use a volume, an object store, or a release asset."


@dataclass(frozen=True)
class Entry:
    """One line of `git ls-tree -r -l -z`."""

    mode: str
    oid: str
    size: int
    """Bytes; -1 where the object was left out of the transfer."""
    path: str

    @property
    def kind(self) -> str:
        return {_LINK: "link", _SUBMODULE: "submodule"}.get(self.mode, "file")


@dataclass(frozen=True)
class Listing:
    sha: str
    entries: tuple[Entry, ...]

    def of_kind(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]


async def list_tree(git: Git, mirror: Path, sha: str, limits: GitLimits) -> Listing:
    """Read and judge. Raises SourceRefused, and CommandFailed where the mirror lacks what it should have."""
    try:
        done = await git.local(mirror, "ls-tree", "-r", "-l", "-z", sha, output_limit=_LISTING_LIMIT)
    except CommandFailed as err:
        if err.timed_out:  # trees that refer to each other unfold to billions of files
            raise _too_many(sha, limits) from err
        if missing := _MISSING.search(err.output):
            raise await _left_out(git, mirror, sha, missing[1], limits) from err
        raise
    if done.truncated:
        raise _too_many(sha, limits)
    entries = await asyncio.to_thread(_parse, done.stdout)
    judge(sha, entries, limits)
    return Listing(sha, entries)


def _parse(output: bytes) -> tuple[Entry, ...]:
    return tuple(_entry(record) for record in output.split(b"\0") if record)


def _entry(record: bytes) -> Entry:
    facts, _, path = record.partition(b"\t")
    mode, kind, oid, size = facts.decode("ascii").split()
    bytes_ = int(size) if size.isdigit() else 0 if kind == "commit" else -1
    return Entry(mode, oid, bytes_, path.decode("utf-8", "surrogateescape"))


def judge(sha: str, entries: Sequence[Entry], limits: GitLimits) -> None:
    """Raise SourceRefused for what is over a limit, or has a name that git keeps for itself."""
    if len(entries) > limits.files:
        raise _too_many(sha, limits)
    for entry in entries:
        if not is_safe_path(entry.path):
            raise SourceRefused(f"The commit {sha[:12]} has a file named {entry.path!a}", hint="Remove it.")
        if entry.size > limits.blob_bytes or entry.size < 0:
            raise _too_big(entry.path, entry.size, limits)
    total = sum(entry.size for entry in entries)
    if total > limits.total_bytes:
        largest = max(entries, key=lambda entry: entry.size)
        raise SourceRefused(
            f"The files of the commit {sha[:12]} have {readable(total)}; the limit is {readable(limits.total_bytes)}",
            context=f"The largest is {largest.path!a} with {readable(largest.size)}.",
            hint=_TOO_BIG_HINT,
        )


async def _left_out(git: Git, mirror: Path, sha: str, oid: str, limits: GitLimits) -> SourceRefused:
    """The server left the object out of the transfer, being over the limit: find its name."""
    done = await git.local(mirror, "ls-tree", "-r", "-z", sha, output_limit=_LISTING_LIMIT)
    for record in done.stdout.split(b"\0"):
        facts, _, path = record.partition(b"\t")
        if oid.encode() in facts:
            return _too_big(path.decode("utf-8", "surrogateescape"), -1, limits)
    return _too_big(oid, -1, limits)


class FileLeftOut(SourceRefused):
    """Its own type, as an object that a damaged mirror lost looks like this too: the caller tries a new mirror once."""


def _too_big(path: str, size: int, limits: GitLimits) -> SourceRefused:
    limit = f"the limit is {readable(limits.blob_bytes)}"
    if size < 0:
        return FileLeftOut(f"The file {path!a} is bigger than allowed: {limit}", hint=_TOO_BIG_HINT)
    return SourceRefused(f"The file {path!a} has {readable(size)}; {limit}", hint=_TOO_BIG_HINT)


def _too_many(sha: str, limits: GitLimits) -> SourceRefused:
    return SourceRefused(
        f"The commit {sha[:12]} has more than {limits.files:,} files",
        hint="Keep generated and third-party files out of git, and add them to .gitignore.",
    )


async def read_blobs(git: Git, mirror: Path, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Contents by path. git is asked by object id, so no name can be taken for anything else."""
    found: dict[str, bytes] = {}
    for batch in _batches(entries):
        limit = sum(entry.size + 128 for entry in batch)
        asked = "".join(f"{entry.oid}\n" for entry in batch).encode()
        done = await git.local(mirror, "cat-file", "--batch", stdin=asked, output_limit=limit)
        found |= _split(done.stdout, batch)
    return found


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _split(output: bytes, batch: Sequence[Entry]) -> dict[str, bytes]:
    """`oid SP type SP size LF contents LF`, in the order of the question."""
    found = {}
    position = 0
    for entry in batch:
        end = output.index(b"\n", position) if b"\n" in output[position : position + 128] else len(output)
        header = output[position:end].split()
        if header != [entry.oid.encode(), b"blob", str(entry.size).encode()]:
            raise SourceError(f"git did not give the contents of {entry.path!a}", context=repr(header))
        found[entry.path] = output[end + 1 : end + 1 + entry.size]
        position = end + 1 + entry.size + 1
    return found


class GitTree:
    """`ports.Tree` on a mirror."""

    def __init__(self, listing: Callable[[], Awaitable[Listing]], git: Git, mirror: Path, limits: GitLimits) -> None:
        self._listing = listing
        self._git = git
        self._mirror = mirror
        self._limits = limits

    async def entries(self) -> Sequence[TreeEntry]:
        listing = await self._listing()
        return [TreeEntry(entry.path, entry.size, entry.kind) for entry in listing.entries]

    async def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        wanted = set(paths)
        listing = await self._listing()
        small = (entry for entry in listing.of_kind("file") if entry.size <= self._limits.read_bytes)
        return await read_blobs(self._git, self._mirror, [entry for entry in small if entry.path in wanted])

    async def committed(self) -> float | None:
        listing = await self._listing()
        done = await self._git.local(self._mirror, "log", "-1", "--format=%ct", listing.sha, "--")
        text = done.text.strip()
        return float(text) if text.isascii() and text.isdigit() and len(text) <= _TIME_DIGITS else None
