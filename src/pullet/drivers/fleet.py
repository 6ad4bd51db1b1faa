"""The fleet: a local repository, where Pullet commits what people ask for, or a remote one, which is only read."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pullet.config.fleet_file import parse_fleet_file
from pullet.config.fleet_reading import FILE_LIMIT, FleetReader, app_path, no_such_target, target_folder
from pullet.domain.errors import DiskFull, SourceError, UsageError
from pullet.domain.fleet import FleetState, SourceSpec
from pullet.domain.home import Home
from pullet.drivers.fleet_repository import Blob, FleetRepository, Moved
from pullet.drivers.process import ProcessRunner
from pullet.ports import Source

_LOCK_TIMEOUT = 20.0  # seconds; a write takes some hundredths of one
_TRIES = 10
_FOLDER_README = """\
# Apps of the target {target}

One file an app in `apps/`. Pullet commits here what is asked for through its command line, API and pages; commit here
yourself whenever you like: the next poll picks it up. Keep this file: a directory that vanishes altogether is taken for
a mistake, not for the wish to remove every app.
"""


class LocalFleet:
    """An ordinary git repository with a work tree at `Home.fleet`, made on first use."""

    def __init__(self, home: Home, target: str, runner: ProcessRunner) -> None:
        self._home = home
        self._target = target
        self._runner = runner
        self._repository = FleetRepository(home.fleet, runner)
        self._begun = home.root / "fleet.begun"
        self._lock = home.root / "fleet.lock"
        self._mutex = asyncio.Lock()
        self._reader = FleetReader(target)
        self._files: tuple[str, Mapping[str, Blob]] = ("", {})
        self._state: FleetState | None = None

    async def read(self) -> FleetState:
        """The committed state. Raises SourceError, ConfigError; never an empty state for a fleet that has vanished."""
        if not self._repository.exists or await self._something_to_show():
            async with self._exclusive():
                await self._repair()
        head = await self._repository.head()
        if self._state is None or self._state.commit != head:
            files = await self._at(head)
            if not files:
                raise no_such_target(self._target, str(self._home.fleet))
            self._state = self._reader.state(head, {name: blob.data for name, blob in _apps(files).items()})
        return self._state

    async def text(self, app: str) -> str | None:
        app_path(self._target, app)
        if not self._repository.exists:
            await self.read()
        blob = _apps(await self._at(await self._repository.head())).get(f"{app}.toml")
        return None if blob is None or blob.data is None else blob.data.decode("utf-8", "replace")

    async def write(self, app: str, text: str | None, *, author: str, reason: str) -> str:
        """One commit with that file and nothing else; nothing to commit gives the present commit.

        Raises ConfigError for a text that could not be read back, UsageError where somebody is editing the same file,
        SourceError, DiskFull.
        """
        path = app_path(self._target, app)
        if text is not None:
            parse_fleet_file(app, text, path)
        content = None if text is None else text.encode("utf-8", "replace")
        async with self._exclusive():
            for _ in range(_TRIES):
                await self._repair()
                with contextlib.suppress(Moved):
                    return await self._write(path, content, _author(author), _message(reason, app))
        raise SourceError(f"The fleet repository {self._home.fleet} is changed by somebody else all the time")

    async def _write(self, path: str, content: bytes | None, author: str, message: str) -> str:
        head = await self._repository.head()
        now = _content(await self._at(head), path)
        if now == content:
            return head
        self._refuse_to_overwrite(path, now, content)
        pending = _pending(self._repository.pending)
        _remember(self._repository.pending, {**pending, path: _Unshown(head, now)})
        commit = await self._repository.commit(head, path, content, author=author, message=message)
        await self._show(path, now)
        return commit

    async def _something_to_show(self) -> bool:
        """Where nothing was committed since a write began, there is nothing to show yet: its git may outlive the
        process that started it, and still commit. It cannot any more once the branch has moved."""
        if self._mutex.locked() or not self._repository.pending.exists():
            return False
        head = await self._repository.head()
        return any(unshown.parent != head for unshown in _pending(self._repository.pending).values())

    def _refuse_to_overwrite(self, path: str, now: bytes | None, content: bytes | None) -> None:
        if self._repository.worktree(path) not in (now, content):
            fleet = self._home.fleet
            raise UsageError(
                f"{fleet / path} has changes that are not committed",
                hint=f"Commit them (git -C {fleet} commit {path}) or drop them (git -C {fleet} checkout HEAD {path}).",
            )

    async def _show(self, path: str, before: bytes | None) -> None:
        """Bring work tree and index to what was committed, unless somebody edits the file by now."""
        head = await self._repository.head()
        content = _content(await self._at(head), path)
        if self._repository.worktree(path) == before:
            self._repository.show(path, content)
        for _ in range(5):
            if await self._repository.index(path, content, head):
                others = {p: b for p, b in _pending(self._repository.pending).items() if p != path}
                _remember(self._repository.pending, others)
                return
            await asyncio.sleep(0.02)
        # Another git holds the index, perhaps with an editor open: what is pending is shown on a later call.

    async def _repair(self) -> None:
        """Whatever a kill left half done; the repository itself where there was none yet."""
        if not self._repository.exists:
            await self._create()
        self._begun.touch()
        for path, unshown in _pending(self._repository.pending).items():
            if unshown.parent != await self._repository.head():
                await self._show(path, unshown.before)

    async def _create(self) -> None:
        if self._begun.exists():
            raise SourceError(
                f"The fleet repository {self._home.fleet} has vanished",
                hint=f"Put it back from a copy. To begin with an empty one, remove {self._begun}: every app goes then.",
            )
        fresh = FleetRepository(self._home.root / "fleet.new", self._runner)
        folder = target_folder(self._target)
        await fresh.create(f"{folder}/README.md", _FOLDER_README.format(target=self._target).encode())
        try:
            fresh.path.rename(self._home.fleet)
        except OSError as err:
            raise SourceError(
                f"{self._home.fleet} is there, and is no git repository",
                context=str(err),
                hint="Move it away, or make it one: git init, and a first commit.",
            ) from err

    async def _at(self, commit: str) -> Mapping[str, Blob]:
        """Everything in the target's directory: `README.md`, `apps/shop.toml`…"""
        if self._files[0] != commit:
            folder = target_folder(self._target)
            top = await self._repository.folder(commit, folder, FILE_LIMIT)
            apps = await self._repository.folder(commit, f"{folder}/apps", FILE_LIMIT) if "apps" in top else {}
            self._files = commit, {**top, **{f"apps/{name}": blob for name, blob in apps.items()}}
        return self._files[1]

    @contextlib.asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """One writer at a time, in this process and beside it. The kernel drops the lock when a process dies."""
        async with self._mutex:
            self._home.root.mkdir(parents=True, exist_ok=True)
            try:
                with self._lock.open("a") as file:
                    await _locked(file.fileno(), self._lock)
                    yield
            except OSError as err:
                raise _trouble(self._home.fleet, err) from err


class RemoteFleet:
    """A fleet repository somewhere else: polled, fetched, read from git's objects."""

    def __init__(self, url: str, target: str, source: Source, branch: str | None = None) -> None:
        self._spec = SourceSpec(url)
        self._target = target
        self._source = source
        self._branch = branch
        self._reader = FleetReader(target)
        self._state: FleetState | None = None
        self._texts: Mapping[str, bytes | None] = {}

    async def read(self) -> FleetState:
        """One poll; more only when the branch has moved. Raises SourceError, ConfigError."""
        head = await self._head()
        if self._state is None or self._state.commit != head:
            await self._source.fetch(self._spec, head)
            self._texts = await self._contents(head)
            self._state = self._reader.state(head, self._texts)
        return self._state

    async def text(self, app: str) -> str | None:
        app_path(self._target, app)
        if self._state is None:
            await self.read()
        data = self._texts.get(f"{app}.toml")
        return None if data is None else data.decode("utf-8", "replace")

    async def write(self, app: str, text: str | None, *, author: str, reason: str) -> str:  # noqa: ARG002 - the port's
        raise UsageError(
            f"The fleet is read from {self._spec.url}, so it is changed there",
            hint=f"Commit the change to {app_path(self._target, app)} in that repository and push it.",
        )

    async def _head(self) -> str:
        refs = await self._source.poll(self._spec)
        branch = self._branch or refs.default_branch
        if branch is None or branch not in refs.heads:
            raise SourceError(
                f"The fleet repository {self._spec.url} has no branch {branch or 'that its HEAD names'}",
                hint="What runs stays as it is.",
            )
        return refs.heads[branch]

    async def _contents(self, commit: str) -> Mapping[str, bytes | None]:
        folder = f"{target_folder(self._target)}/"
        tree = self._source.tree(self._spec, commit)
        entries = [entry for entry in await tree.entries() if entry.path.startswith(folder)]
        if not entries:
            raise no_such_target(self._target, self._spec.url)
        apps = [entry for entry in entries if re.fullmatch(r"apps/[^/]+\.toml", entry.path.removeprefix(folder))]
        contents = await tree.read([e.path for e in apps if e.kind == "file" and e.size <= FILE_LIMIT])
        return {entry.path.rpartition("/")[2]: contents.get(entry.path) for entry in apps}


def _apps(files: Mapping[str, Blob]) -> Mapping[str, Blob]:
    return {name.removeprefix("apps/"): blob for name, blob in files.items() if name.startswith("apps/")}


def _content(files: Mapping[str, Blob], path: str) -> bytes | None:
    blob = _apps(files).get(path.rpartition("/")[2])
    return None if blob is None else blob.data


def _author(name: str) -> str:
    """`Ada` or `Ada <ada@example.org>` as git writes it."""
    match = re.fullmatch(r"\s*([^<>\n\0]*?)\s*<([^<>\n\0 ]*)>\s*", name)
    plain, address = (match[1], match[2]) if match else (re.sub(r"[<>\s\0]+", " ", name).strip(), "pullet@localhost")
    return f"{plain or 'Pullet'} <{address}>".encode("utf-8", "replace").decode()


def _message(reason: str, app: str) -> str:
    return reason.replace("\0", "").strip() or f"Change {app}"


@dataclass(frozen=True)
class _Unshown:
    """A commit that was begun on `parent`, and that the work tree may not show yet."""

    parent: str
    before: bytes | None


def _pending(file: Path) -> dict[str, _Unshown]:
    """Path -> what is to be shown there."""
    try:
        said = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return {
        path: _Unshown(parent, None if before is None else before.encode("latin-1"))
        for path, (parent, before) in said.items()
    }


def _remember(file: Path, pending: Mapping[str, _Unshown]) -> None:
    if not pending:
        file.unlink(missing_ok=True)
        return
    temporary = file.with_name(f"{file.name}.new")
    said = {
        path: (one.parent, None if one.before is None else one.before.decode("latin-1"))
        for path, one in pending.items()
    }
    temporary.write_text(json.dumps(said))
    temporary.replace(file)


async def _locked(descriptor: int, path: Path) -> None:
    try:
        async with asyncio.timeout(_LOCK_TIMEOUT):
            while True:
                with contextlib.suppress(BlockingIOError):
                    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                await asyncio.sleep(0.005)
    except TimeoutError as err:
        raise SourceError(f"Another process has held {path} for {_LOCK_TIMEOUT:.0f} seconds") from err


def _trouble(fleet: Path, err: OSError) -> SourceError | DiskFull:
    if err.errno in (28, 122):  # ENOSPC, EDQUOT
        return DiskFull(f"The disk is full: {fleet} could not be written", context=str(err), hint="Free some space.")
    return SourceError(f"The fleet repository {fleet} cannot be used", context=str(err))
