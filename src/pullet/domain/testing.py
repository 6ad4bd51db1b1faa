"""What tests said: rows are tests, columns are the runtimes in which they ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MESSAGE_LIMIT = 8_000
"""Characters that are kept of why one test did not pass."""


class Status(StrEnum):
    """Every test ends in exactly one."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"  # the test ran, and what it claims is not so
    ERROR = "ERROR"  # it could not run: its file cannot be imported, its fixture failed
    TIMEOUT = "TIMEOUT"
    CRASH = "CRASH"  # the interpreter ended amid it
    SKIP = "SKIP"  # it says itself that it does not apply here, or that it is known to fail

    @property
    def good(self) -> bool:
        return self in (Status.PASS, Status.SKIP)


class Runner(StrEnum):
    """What runs the tests of an app."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    DJANGO = "django"  # `manage.py test`
    OTHER = "other"  # any other command, judged by its exit code and the JUnit files that it writes


@dataclass(frozen=True)
class SuiteSpec:
    """How an app's own tests are run: `[gates.tests]`, and what was detected."""

    command: str = ""
    """`pytest -q tests`; empty: none is declared and none was detected."""
    limit: float = 60.0
    """Seconds for one test."""
    timeout: float = 1800.0
    """Seconds for all of them."""
    shards: int = 0
    """Interpreters side by side; 0: as many as pays."""
    network: bool = False
    """Whether they may reach other machines."""
    junit: str = ""
    """Pattern of the JUnit files that a command of another kind writes: `reports/*.xml`. Empty: none."""


@dataclass(frozen=True)
class BrowserSpec:
    """What is tested in browsers: `[gates.browser]`."""

    tests: str = "tests/browser"
    """Folder, relative to the app's root."""
    on: tuple[str, ...] = ("chromium",)
    """Columns."""
    pages: str = ""
    """Folder of tests that open the app's own pages in a browser; empty: there are none."""
    limit: float = 60.0
    """Seconds for one test."""
    timeout: float = 1800.0
    """Seconds for one column."""
    network: bool = False


@dataclass(frozen=True)
class Case:
    """A test that was collected."""

    id: str
    """pytest's node id, relative to the top of the app: `tests/test_cart.py::test_total[EUR]`."""
    path: str = ""
    """The file, relative to the top of the app."""
    line: int = 0
    """From 1; 0: unknown."""


@dataclass(frozen=True)
class Result:
    """One test in one column."""

    case: Case
    status: Status
    duration: float = 0.0
    """Seconds of its set-up, call and tear-down."""
    message: str = ""
    """Why it did not pass, or was skipped; at most MESSAGE_LIMIT characters."""
    again: tuple[Status, ...] = ()
    """What it ended in when it was run anew, because its first result was not expected."""
    expected: tuple[Status, ...] = ()
    """What the app's expectations say of it here; empty: that it passes or skips itself."""

    @property
    def flaky(self) -> bool:
        """Both outcomes were seen of the same code."""
        return len({status.good for status in (self.status, *self.again)}) > 1

    @property
    def as_expected(self) -> bool:
        return self.status in self.expected if self.expected else self.status.good

    @property
    def bad(self) -> bool:
        """It is unexpected, whenever it is run."""
        return not self.as_expected and not self.flaky


@dataclass(frozen=True)
class Column:
    """All tests in one runtime."""

    name: str
    """cpython, chromium, firefox, node or pages."""
    version: str = ""
    """For people: `Chromium 156.0, Pyodide 314.0.7 (CPython 3.14.2)`."""
    results: tuple[Result, ...] = ()
    """In the order of their collection."""
    trouble: str = ""
    """Why it could not run, or not in whole; a column with trouble is never green."""
    hint: str = ""
    """What to do about the trouble."""
    duration: float = 0.0
    """Seconds from the start to the last result."""
    first: float = 0.0
    """Seconds from the start until the first test began."""
    sessions: int = 0
    """Interpreters that ran tests."""
    memory: int = 0
    """Most bytes that it held at a time; 0: not measured."""
    inputs: str = ""
    """Digest of everything that decides the results: files, lock, runtime. Empty: nobody can tell."""
    reused: str = ""
    """Revision for which these results were got, its inputs being equal; empty: they are of a run of its own."""

    @property
    def green(self) -> bool:
        return bool(self.results) and not self.trouble and not any(result.bad for result in self.results)


@dataclass(frozen=True)
class Tested:
    """What the tests of one revision said."""

    __test__ = False

    revision: str
    """For people: `main@sha1:1a2b3c4`."""
    at: float
    """When it was done, in seconds since the epoch."""
    columns: tuple[Column, ...] = ()
    base: str = ""
    """What it was compared with, for people; empty: nothing."""
    troubles: tuple[str, ...] = ()
    """Of the expectations file: unreadable, expired, without effect."""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def green(self) -> bool:
        return bool(self.columns) and all(column.green for column in self.columns)

    def results(self) -> Iterator[tuple[Column, Result]]:
        for column in self.columns:
            for result in column.results:
                yield column, result


@dataclass(frozen=True)
class KeptRun:
    """What the tests of one release said."""

    release: int
    tested: Tested


@dataclass(frozen=True)
class Kept:
    """What is kept of an environment's tests."""

    app: str
    runs: tuple[KeptRun, ...]
    """The newest first, the release that was asked for at the front."""
    base: Tested | None = None
    """Of what is live."""


def shortened(message: str) -> str:
    """The beginning and the end of a long message: what was asked and what came of it."""
    if len(message) <= MESSAGE_LIMIT:
        return message
    half = MESSAGE_LIMIT // 2 - 10
    return f"{message[:half]}\n[…]\n{message[-half:]}"
