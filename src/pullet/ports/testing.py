"""Who runs the tests of an app, and in what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pullet.domain.app import AppSpec
from pullet.domain.testing import Column, Result, Runner
from pullet.ports.common import LogSink

Word = Mapping[str, Any]
"""One JSON object of the talk with a session; `drivers/testing/__init__.py` lists them."""


@dataclass(frozen=True)
class Suite:
    """The tests of one revision, and what they need. All of it is hostile."""

    app: str
    """Whose user the tests run as."""
    top: Path
    """The app's folder, in which tests run and which their ids are relative to."""
    runner: Runner = Runner.PYTEST
    """Of the CPython column; the others run pytest."""
    program: str = ""
    """Of Django, the path of its manage.py; of another runner, a whole command line."""
    arguments: tuple[str, ...] = ()
    """For the runner: folders, files, options. Empty: it finds them."""
    junit: str = ""
    """Pattern of the JUnit files that a command of another kind writes, relative to `top`; empty: it writes none."""
    python: Path | None = None
    """Interpreter of the app's environment with its development dependencies; None: nothing is installed."""
    python_path: tuple[str, ...] = ()
    """Absolute folders from which the app's own code is imported."""
    lock: tuple[str, ...] = ()
    """What is installed there: `name==version`."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that never appear in a log or a result."""
    folders: tuple[str, ...] = ()
    """Absolute folders outside `top` that tests may write: scratch services."""
    limit: float = 60.0
    """Seconds for one test; at twice that its interpreter is ended."""
    whole: float = 1800.0
    """Seconds for one column."""
    shards: int = 0
    """Interpreters side by side; 0: as many as pays."""
    network: bool = False
    """Whether tests may reach other machines."""
    memory: int = 2 << 30
    """Bytes for one interpreter with all it starts."""
    spec: AppSpec | None = None
    revision: str = ""
    """For people: `main@sha1:1a2b3c4`; empty: not committed."""
    digest: str = ""
    """Of the revision's files; empty: nobody can tell, and no result is reused."""


class Session(Protocol):
    """One interpreter, in which pytest runs once."""

    async def hear(self) -> Word | None:
        """What it says next; None once it is gone."""

    async def say(self, word: Word) -> None:
        """Answer its `want`; without effect where it is gone."""

    async def interrupt(self) -> None:
        """Fail the running test for its time, so that the interpreter goes on; may be without effect."""

    async def end(self) -> str:
        """End it at once, wait until nothing is left of it; why it ended as far as known: `killed: out of memory`."""


class Venue(Protocol):
    """A runtime that is ready for sessions."""

    @property
    def version(self) -> str:
        """For people: `Chromium 156.0, Pyodide 314.0.7`; known for sure once a session has spoken."""

    patience: float
    """Seconds that a session may take until it has said what it collected."""
    sessions: int
    """How many side by side pay at most."""

    async def open(self, paths: Sequence[str] = (), *, main: bool = False) -> Session:
        """A new session, that collects these files only (none: whatever the suite has).

        `main`: one on the main thread of a page, for the files that others said are `deferred`. Raises TestsFailed.
        """


class ColumnKind(Protocol):
    """One runtime that tests can run in. The core knows none by name."""

    name: str

    def prepare(self, suite: Suite, log: LogSink) -> AbstractAsyncContextManager[Venue]:
        """Have everything there that the suite needs in this runtime, and take it away afterwards.

        Raises TestsFailed, whose message and hint become the column's trouble.
        """

    def identity(self, suite: Suite) -> str:
        """What of this box decides the results beside the suite's own files and lock: versions. Starts nothing."""


Expects = Callable[[Result], bool]
"""Whether a result is no news."""


class Tester(Protocol):
    """All the columns there are."""

    names: tuple[str, ...]

    async def test(
        self,
        suite: Suite,
        name: str,
        log: LogSink,
        *,
        only: Sequence[str] | None = None,
        expects: Expects | None = None,
        fresh: bool = False,
    ) -> Column:
        """One column of the suite; what stops it is its trouble.

        `only`: ids of tests; `expects`: None where tests are to pass or to skip themselves; `fresh`: run it even where
        its results are known. Raises UsageError for an unknown name.
        """
