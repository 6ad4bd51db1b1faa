"""The restic program at one repository: its environment, its errors, its locks."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullet.domain.command import Command, Completed
from pullet.domain.errors import CommandFailed
from pullet.domain.home import Home
from pullet.drivers.backups.failures import GONE, LOCKED, UNREADABLE, backup_failed, file_trouble
from pullet.drivers.backups.password import repository_password
from pullet.drivers.backups.program import environment, find_restic
from pullet.drivers.process import ProcessRunner

SHORT = 600.0  # seconds: commands that read little; restic itself goes on trying a network that is away
LONG = 24 * 3600.0  # seconds: commands that move everything
_OUTPUT_LIMIT = 64 << 20  # bytes; the list of 10,000 backups has about 5 MB
_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Destination:
    """Where the repository is, and what opens it."""

    location: str
    """An absolute folder, or `s3:https://host/bucket/path`."""
    key: str
    """The target's key."""
    credentials: Mapping[str, str]

    @property
    def folder(self) -> Path | None:
        """None for a store."""
        return Path(self.location) if self.location.startswith("/") else None


class Restic:
    """Runs restic; finds it, or fetches it, the first time."""

    def __init__(self, home: Home, runner: ProcessRunner, destination: Destination) -> None:
        self._tools = home.tools
        self._cache = home.cache / "restic"
        self._runner = runner
        self._destination = destination
        self._password = repository_password(destination.key)
        self._program: Path | None = None

    async def run(self, what: str, *arguments: str, cwd: Path | None = None, timeout: float = SHORT) -> Completed:
        """Raises BackupFailed that begins with `what`. A lock that a dead process left is removed on the way."""
        try:
            try:
                return await self.attempt(*arguments, cwd=cwd, timeout=timeout)
            except CommandFailed as err:
                if not LOCKED.search(err.output) or not await self._remove_stale_locks():
                    raise
            return await self.attempt(*arguments, cwd=cwd, timeout=timeout)
        except CommandFailed as err:
            raise backup_failed(what, self._destination.location, err) from err

    async def attempt(self, *arguments: str, cwd: Path | None = None, timeout: float = SHORT) -> Completed:
        """Raises CommandFailed as it comes."""
        if self._program is None:
            self._program = await find_restic(self._tools, self._runner)
        with file_trouble(f"Cannot use {self._cache}"):
            self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = Command(
            (str(self._program), *arguments),
            cwd=cwd or self._cache,
            environment=self._environment(),
            timeout=timeout,
            output_limit=_OUTPUT_LIMIT,
            secrets=(
                self._password,
                *(self._destination.credentials[n] for n in _SECRET if n in self._destination.credentials),
            ),
        )
        return await self._run(command)

    async def _run(self, command: Command) -> Completed:
        """restic tries for most of a minute to read what is damaged. In a store that may heal, but for what is gone; in
        a folder the first such line ends it."""
        pattern = GONE if self._destination.folder is None else UNREADABLE
        hopeless: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def watch(line: str) -> None:
            if pattern.search(line) and not hopeless.done():
                hopeless.set_result(line)

        running = asyncio.create_task(self._runner.run(command, log=watch), name=f"restic:{command.argv[1]}")
        try:
            either: set[asyncio.Future[Any]] = {running, hopeless}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if hopeless.done():
                raise CommandFailed(command.argv, None, hopeless.result())
            return await running
        finally:
            running.cancel()
            await asyncio.wait({running})

    def _environment(self) -> Mapping[str, str]:
        return {
            **environment(),
            **self._destination.credentials,
            "HOME": str(self._cache),
            "RESTIC_CACHE_DIR": str(self._cache),
            "RESTIC_REPOSITORY": self._destination.location,
            "RESTIC_PASSWORD": self._password,
        }

    async def _remove_stale_locks(self) -> bool:
        """Let restic remove the locks of the dead; False where asking it could hurt somebody.

        restic finds out whether a lock's process lives by sending it SIGHUP, which restic ignores and most others die
        of. So a lock of this host whose process id belongs to another program by now must wait until it is old enough
        for restic to know without asking.
        """
        for number in (await self.attempt("list", "locks", "--no-lock", "--quiet")).text.split():
            try:
                lock = json.loads((await self.attempt("cat", "lock", number, "--no-lock", "--quiet")).stdout)
            except (CommandFailed, ValueError):
                continue  # it went away just now
            if lock.get("hostname") == socket.gethostname() and _is_stranger(int(lock.get("pid", 0))):
                return False
        await self.attempt("unlock", "--quiet")
        return True


def _is_stranger(pid: int) -> bool:
    """Whether the process lives and is not restic."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() != "restic"
    except OSError:
        return False
