"""Tests that another command runs: `make test`, `behave`. One row is its exit code, others are what JUnit files say."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pullet.analysis.testing.junit import fits, merged, read_junit
from pullet.domain.errors import BuildFailed, CommandFailed, MalformedData, TestsFailed
from pullet.domain.testing import Case, Result, Status
from pullet.drivers.build.inputs import TreeFiles
from pullet.drivers.confinement import Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.drivers.testing.surroundings import command_of, confinement_of
from pullet.ports import Session, Suite, Word

_FILES = 1_000  # JUnit files
_ENTRIES = 200_000  # of the tree that are looked at
_LINES = 200  # of the end of what the command prints
_FIRST = 0.95  # of the time for all: what it has printed is told before the column ends
_LINE = 500  # characters


class Commands:
    """The `Venue`: each session runs the command once, whatever tests are asked for."""

    sessions = 1

    def __init__(self, suite: Suite, runner: ProcessRunner, sandbox: Sandbox, version: str, home: Path) -> None:
        """`home`: an empty folder that the command may write."""
        self.version = version
        self.patience = suite.whole
        self._suite = suite
        self._runner = runner
        self._sandbox = sandbox
        self._home = home

    async def open(self, paths: Sequence[str] = (), *, main: bool = False) -> Session:  # noqa: ARG002 - all or nothing
        if main:
            raise TestsFailed("There is no page in CPython")
        return _Once(self._suite, self._runner, self._sandbox, self._home)


class _Once:
    """The `Session`. It knows all results before it says what there is."""

    def __init__(self, suite: Suite, runner: ProcessRunner, sandbox: Sandbox, home: Path) -> None:
        self._suite = suite
        self._runner = runner
        self._sandbox = sandbox
        self._home = home
        self._results: dict[str, Result] | None = None
        self._words: deque[Word] = deque()

    async def hear(self) -> Word | None:
        if self._results is None:
            self._results = {result.case.id: result for result in await self._run()}
            tests = [_told(result.case) for result in self._results.values()]
            self._words.append({"say": "collected", "tests": tests, "errors": [], "skipped": [], "deferred": []})
            self._words.append({"say": "want"})
        return self._words.popleft() if self._words else None

    async def say(self, word: Word) -> None:
        if word["do"] == "finish":
            self._words.append({"say": "end", "exit": 0, "message": ""})
            return
        for name in word["ids"]:
            self._words += _spoken(name, (self._results or {}).get(name))
        self._words.append({"say": "want"})

    async def interrupt(self) -> None:
        """It runs no single test."""

    async def end(self) -> str:
        return ""

    async def _run(self) -> tuple[Result, ...]:
        """The row of the command first, those of its files after it."""
        suite = self._suite
        before = await asyncio.to_thread(dict, _written(suite)) if suite.junit else {}
        own = await self._whole()
        if not suite.junit:
            return (own,)
        rows, trouble = await asyncio.to_thread(_rows, suite, before)
        if trouble and own.status.good:
            own = replace(own, status=Status.ERROR, message=trouble)
        return (own, *(row for row in rows if row.case.id != own.case.id))

    async def _whole(self) -> Result:
        suite, printed = self._suite, deque[str](maxlen=_LINES)
        case = Case(suite.program)
        plain = command_of(suite, ("/bin/sh", "-c", suite.program), self._home)
        command = self._sandbox.confine(replace(plain, timeout=_FIRST * suite.whole), confinement_of(suite, self._home))
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._runner.run(command, log=lambda line: printed.append(line[:_LINE]))
        except CommandFailed as err:
            status = Status.TIMEOUT if err.timed_out else Status.FAIL
            why = "It took too long" if err.timed_out else f"exit code {err.exit_code}"
            message = "\n".join((why, *printed))
            return Result(case, status, loop.time() - started, message)
        return Result(case, Status.PASS, loop.time() - started)


def _spoken(name: str, result: Result | None) -> Iterator[Word]:
    yield {"say": "start", "id": name}
    result = result or Result(Case(name), Status.ERROR, message="This time the command said nothing of it.")
    status, took = str(result.status), result.duration
    yield {"say": "result", "id": name, "status": status, "duration": took, "message": result.message}


def _told(case: Case) -> dict[str, str | int]:
    return {"id": case.id, "path": case.path, "line": case.line}


def _rows(suite: Suite, before: dict[str, tuple[int, int]]) -> tuple[tuple[Result, ...], str]:
    """What the files that are new say, and what is wrong with them. Blocking."""
    fresh = [path for path, stamp in _written(suite) if before.get(path) != stamp]
    if not fresh:
        return (), f"The command wrote no file that fits {suite.junit!r}."
    files, found = TreeFiles(suite.top), []
    try:
        for path in fresh:
            found.append(read_junit(files.read(path)))
    except (BuildFailed, MalformedData) as err:
        return merged(found), f"{path}: {err.message}"
    return merged(found), "" if any(found) else "Its JUnit files have no tests."


def _written(suite: Suite) -> Iterator[tuple[str, tuple[int, int]]]:
    """Files that fit the pattern, each with what tells whether it has changed. Links to folders are not followed."""
    seen = kept = 0
    for parent, _, names in os.walk(suite.top):
        for name in names:
            seen += 1
            path = os.path.relpath(os.path.join(parent, name), suite.top)  # noqa: PTH118 - names of any kind
            if kept >= _FILES or seen >= _ENTRIES:
                return
            if fits(path, suite.junit) and (stamp := _stamp(suite.top / path)):
                kept += 1
                yield path, stamp


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
