"""A Source without git: commits and refs that a test sets, check-outs that are real files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.errors import SourceError, SourceRefused
from pullet.domain.fleet import SourceSpec
from pullet.planner.tracking import choose_default_branch
from pullet.ports import Refs, TreeEntry

COMMITTED = 1_700_000_000.0
"""Of every commit, in seconds since the epoch: 2023-11-14."""


@dataclass
class FakeRepository:
    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    default_branch: str | None = "main"
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """What the remote still has."""
    mirrored: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """What was fetched."""
    failure: SourceError | None = None
    """Raised by every poll and fetch while set: the server is down."""

    def commit(self, files: Mapping[str, bytes | str], branch: str = "main", *, message: str = "") -> str:
        """A new commit with exactly these files becomes the tip of the branch."""
        contents = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        text = repr((sorted(contents.items()), branch, message, len(self.commits)))
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = contents
        self.heads[branch] = sha
        return sha

    def tag(self, name: str, sha: str) -> None:
        self.tags[name] = sha

    def lose(self, sha: str) -> None:
        """Force-push it away: the remote has it no longer."""
        del self.commits[sha]
        self.heads = {branch: tip for branch, tip in self.heads.items() if tip != sha}
        self.tags = {tag: tip for tag, tip in self.tags.items() if tip != sha}


class FakeTree:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    async def entries(self) -> Sequence[TreeEntry]:
        return [TreeEntry(path, len(data), "file") for path, data in sorted(self._files.items())]

    async def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self._files[path] for path in paths if path in self._files}

    async def committed(self) -> float | None:
        return COMMITTED


@dataclass
class _CheckOut:
    sha: str
    files: dict[str, bytes]


class FakeSource:
    """`source.repository(url).commit({...})` sets the world; `polls` and `fetches` tell what was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, FakeRepository] = {}
        self.polls: list[str] = []
        self.fetches: list[tuple[str, str]] = []
        self.refused: dict[str, str] = {}
        """Commit -> why a fetch of it is refused."""
        self._check_outs: dict[Path, _CheckOut] = {}

    def repository(self, url: str) -> FakeRepository:
        return self.repositories.setdefault(url, FakeRepository())

    async def poll(self, source: SourceSpec) -> Refs:
        self.polls.append(source.url)
        repository = self._reach(source)
        return Refs(dict(repository.heads), dict(repository.tags), repository.default_branch)

    async def default_branch(self, source: SourceSpec) -> str:
        return choose_default_branch(await self.poll(source))

    async def fetch(self, source: SourceSpec, sha: str) -> None:
        self.fetches.append((source.url, sha))
        if sha in self.repository(source.url).mirrored:
            return
        repository = self._reach(source)
        if sha in self.refused:
            raise SourceRefused(self.refused[sha])
        if sha not in repository.commits:
            raise SourceError(f"{source.url} no longer has the commit", hint="It was force-pushed away.")
        repository.mirrored[sha] = repository.commits[sha]

    def tree(self, source: SourceSpec, sha: str) -> FakeTree:
        return FakeTree(self.repository(source.url).mirrored[sha])

    async def check_out(self, source: SourceSpec, sha: str, destination: Path) -> None:
        known = self._check_outs.get(destination)
        if known is not None and known.sha == sha and _is_folder(destination):
            return
        await self.fetch(source, sha)
        files = self.repository(source.url).mirrored[sha]
        _write_all(destination, files)
        self._check_outs[destination] = _CheckOut(sha, dict(files))

    async def history(self, source: SourceSpec, sha: str, folder: Path) -> None:
        if sha not in self.repository(source.url).commits:
            raise SourceError(f"{source.url} no longer has the commit {sha[:12]}")
        folder.mkdir(parents=True)
        (folder / "HEAD").write_text(f"{sha}\n")

    async def record(self, destination: Path) -> None:
        if destination not in self._check_outs:
            raise SourceError(f"{destination} is not a finished check-out")

    async def changed_files(self, destination: Path) -> Sequence[str]:
        known = self._check_outs.get(destination)
        if known is None or not _is_folder(destination):
            return ["."]
        return [path for path, data in known.files.items() if not _holds(destination / path, data)]

    async def restore_files(self, source: SourceSpec, sha: str, destination: Path, paths: Sequence[str]) -> None:
        known = self._check_outs.get(destination)
        if "." in paths or known is None or known.sha != sha:
            self._check_outs.pop(destination, None)
            await self.check_out(source, sha, destination)
            return
        for path in paths:
            if path in known.files:
                _write(destination / path, known.files[path])

    async def forget(self, source: SourceSpec) -> None:
        self.repository(source.url).mirrored.clear()

    def _reach(self, source: SourceSpec) -> FakeRepository:
        repository = self.repositories.get(source.url)
        if repository is None:
            raise SourceError(f"{source.url} does not exist", hint="Check the path of the source.")
        if repository.failure is not None:
            raise repository.failure
        return repository


def _is_folder(path: Path) -> bool:
    return path.is_dir()


def _write_all(destination: Path, files: Mapping[str, bytes]) -> None:
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    for path, data in files.items():
        _write(destination / path, data)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data
