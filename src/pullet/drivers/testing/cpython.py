"""The column of the app's own interpreter, confined as the app itself is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, TestsFailed
from pullet.domain.testing import Runner
from pullet.drivers.confinement import Confinement, Sandbox
from pullet.drivers.process import ProcessRunner, end_group, open_process, redact
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.testing.declared import Commands
from pullet.drivers.testing.surroundings import command_of, confinement_of
from pullet.ports import LogSink, Session, Suite, Venue, Word

_WORD_LIMIT = 64 << 20  # bytes; the list of a huge suite is one word
_KEPT = 16_000  # bytes of the end of what an interpreter prints
_CHUNK = 1 << 16
_PATIENCE = 120.0
_SESSIONS = {
    Runner.PYTEST: "pullet_session",
    Runner.UNITTEST: "pullet_unittest",
    Runner.DJANGO: "pullet_django",
}
_ASK = "import platform as p; print(p.python_implementation(), p.python_version())"


class Spoken:
    """A `Session` of a program that talks on its standard streams."""

    def __init__(self, process: asyncio.subprocess.Process, secrets: Sequence[str] = ()) -> None:
        self._process = process
        self._secrets = tuple(secrets)
        self._printed = bytearray()
        self._draining = asyncio.create_task(self._drain(), name="tests:stderr")

    async def hear(self) -> Word | None:
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
            word = json.loads(line) if line else None
        except (ValueError, OSError):  # ValueError: also a line over the limit
            return None
        return word if isinstance(word, dict) else None

    async def say(self, word: Word) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(json.dumps(word).encode() + b"\n")
            await self._process.stdin.drain()

    async def interrupt(self) -> None:
        """Its own alarm has told it already."""

    async def end(self) -> str:
        await asyncio.shield(end_group(self._process, grace=0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.shield(self._draining)
        self._draining.cancel()
        code = self._process.returncode or 0
        printed = redact(self._printed.decode("utf-8", "replace"), self._secrets).strip()
        return "\n".join(filter(None, (f"exit code {code}" if code else "", printed)))

    async def _drain(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(_CHUNK):
            self._printed += chunk
            del self._printed[:-_KEPT]


class Interpreters:
    """The `Venue`."""

    patience = _PATIENCE

    def __init__(self, suite: Suite, sandbox: Sandbox, version: str, home: Path) -> None:
        """`home`: an empty folder that tests may write."""
        self.version = version
        self.sessions = len(os.sched_getaffinity(0))
        self._suite = suite
        self._sandbox = sandbox
        self._home = home
        self._opened = 0

    async def open(self, paths: Sequence[str] = (), *, main: bool = False) -> Session:
        if main:
            raise TestsFailed("There is no page in CPython")
        pipe = asyncio.subprocess.PIPE
        command = self._sandbox.confine(self._command(), confinement_of(self._suite, self._home))
        session = Spoken(
            await open_process(command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_WORD_LIMIT), self._suite.secrets
        )
        worker = "" if self._suite.shards == 1 else f"gw{self._opened}"
        self._opened += 1
        arguments = list(self._suite.arguments)
        await session.say({"arguments": arguments, "paths": list(paths), "limit": self._suite.limit, "worker": worker})
        return session

    def _command(self) -> Command:
        suite = self._suite
        argv = (str(suite.python), "-m", _SESSIONS[suite.runner], *filter(None, (suite.program,)))
        return command_of(suite, argv, self._home)


class CPython:
    """The `ColumnKind`."""

    name = "cpython"

    def __init__(self, runner: ProcessRunner, sandbox: Sandbox, scratch: Path) -> None:
        """`scratch`: a folder of Pullet's own."""
        self._runner = runner
        self._sandbox = sandbox
        self._scratch = scratch

    @contextlib.asynccontextmanager
    async def prepare(self, suite: Suite, log: LogSink) -> AsyncIterator[Venue]:
        if suite.python is None:
            raise TestsFailed("Nothing is installed to run the tests with", hint="Name an interpreter with --python.")
        version = await self._version(suite, suite.python)
        log(f"cpython: {version}")
        async with scratch_folder(self._scratch) as home:
            for folder in (home, suite.top):
                await asyncio.to_thread(self._sandbox.hand_over, folder, suite.app)
            if suite.runner is Runner.OTHER:
                yield Commands(suite, self._runner, self._sandbox, version, home)
            else:
                yield Interpreters(suite, self._sandbox, version, home)

    def identity(self, suite: Suite) -> str:
        return str(suite.python and suite.python.resolve())

    async def _version(self, suite: Suite, python: Path) -> str:
        """Asked in the sandbox: it may be any program. Raises TestsFailed."""
        command = Command((str(python), "-I", "-c", _ASK), cwd=suite.top, environment={"LANG": "C.UTF-8"}, timeout=30.0)
        seen = Confinement(suite.app, readable=(str(suite.top), *interpreter_roots(python)), network=False)
        try:
            done = await self._runner.run(self._sandbox.confine(command, seen))
        except CommandFailed as err:
            raise TestsFailed(f"{python} does not run", context=err.output, hint="Name another with --python.") from err
        return done.text.strip()[:100]


@contextlib.asynccontextmanager
async def scratch_folder(parent: Path) -> AsyncIterator[Path]:
    """A new empty folder; gone afterwards."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o711)  # noqa: ASYNC240 - one system call
    folder = Path(tempfile.mkdtemp(prefix="tests-", dir=parent))
    folder.chmod(0o711)  # noqa: ASYNC240
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
