"""The pytest plugin through which the conductor deals tests out and hears what becomes of them."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import pytest

MESSAGE_LIMIT = 8000
_RANK = ("PASS", "SKIP", "FAIL", "ERROR", "TIMEOUT")
_PAGE_NAMES = {"document", "window"}  # of `js`: a worker has neither


class TimeLimit(BaseException):
    """Raised in the test that took too long. No Exception: a test that catches those shall not catch this."""


class Channel(Protocol):
    def say(self, word: dict[str, Any]) -> None: ...

    def hear(self) -> dict[str, Any] | None:
        """Waits for an answer; None once nobody answers any more."""


class _Nothing(pytest.File):
    def collect(self) -> Iterable[pytest.Item]:
        return ()


class Conducted:
    """Takes its tests from `channel`, and tells it what became of each.

    `limit`: seconds for one test; `paths`: the files to collect, empty: all; `arm`: whether this process can set an
    alarm for itself; `main`: whether the files that need the page are the ones to run here, None where there is no page
    and they are run as any other.
    """

    def __init__(
        self,
        channel: Channel,
        limit: float,
        paths: Iterable[str] = (),
        *,
        arm: bool = True,
        main: bool | None = None,
    ) -> None:
        self._channel = channel
        self._paths = frozenset(paths)
        self._limit = limit
        self._arm = arm
        self._main = main
        self._items: dict[str, pytest.Item] = {}
        self._errors: list[dict[str, str]] = []
        self._skipped: list[dict[str, str]] = []
        self._deferred: list[str] = []
        self._reports: list[pytest.TestReport] = []
        self._late = False
        self._closing = False

    # What there is

    def pytest_configure(self, config: pytest.Config) -> None:
        config.option.maxfail = 0  # a first failure is no reason to know nothing of the others
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, self._on_alarm)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Files that are not for this session hold nothing. None: as pytest thinks."""
        path = _relative(module_path, parent.config)
        if self._paths and path not in self._paths:
            return _Nothing.from_parent(parent, path=module_path)
        if self._main is None:
            return None
        needs_page = _needs_page(module_path)
        if needs_page and not self._main:
            self._deferred.append(path)
        return _Nothing.from_parent(parent, path=module_path) if needs_page != self._main else None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._errors.append({"id": report.nodeid or ".", "message": _shortened(report.longreprtext)})
        elif report.skipped:
            self._skipped.append({"id": report.nodeid or ".", "message": _reason(report)})

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        tests = []
        for item in session.items:
            if item.nodeid not in self._items:
                self._items[item.nodeid] = item
                path, line, _ = item.location
                file = item.nodeid.split("::", 1)[0]
                inherited = path != file  # it is written elsewhere, and collected here
                tests.append({"id": item.nodeid, "path": file, "line": 0 if inherited else (line or 0) + 1})
        self._channel.say(
            {
                "say": "collected",
                "tests": tests,
                "errors": self._errors,
                "skipped": self._skipped,
                "deferred": sorted(set(self._deferred)),
            }
        )

    # What becomes of it

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.config.option.collectonly:
            return True
        queue: deque[pytest.Item] = deque()
        over = False
        while True:
            while not over and len(queue) < 2:  # a test is told which one comes next: what they share is kept
                over = not self._ask(queue)
            if not queue:
                return True
            item = queue.popleft()
            self._run(item, queue[0] if queue else None)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)

    def _ask(self, queue: deque[pytest.Item]) -> bool:
        self._channel.say({"say": "want"})
        word = self._channel.hear()
        if word is None or word["do"] != "run":
            return False
        for name in word["ids"]:
            if name in self._items:
                queue.append(self._items[name])
            else:
                self._say_result(name, "ERROR", 0.0, "The test was collected at first, and is not collected any more.")
        return True

    def _run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        self._reports, self._late = [], False
        self._channel.say({"say": "start", "id": item.nodeid})
        started = time.perf_counter()
        self._alarm(self._limit)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except TimeLimit:  # between the test's phases
            self._late = True
        finally:
            self._alarm(0)
        if self._late:
            self._tear_down(item, following)
        status, message = self._verdict()
        self._say_result(item.nodeid, status, time.perf_counter() - started, message)

    def _tear_down(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """What an alarm kept from it: or the next test would pay for this one's time."""
        self._closing = True
        with contextlib.suppress(Exception):  # the test has failed already
            item.session._setupstate.teardown_exact(following)
        self._closing = False

    def _say_result(self, name: str, status: str, duration: float, message: str) -> None:
        self._channel.say(
            {"say": "result", "id": name, "status": status, "duration": round(duration, 6), "message": message}
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    def _verdict(self) -> tuple[str, str]:
        """The worst of what the phases, and the parts of a test, said."""
        worst, message = "PASS", ""
        for report in self._reports:
            status = _status(report)
            if _RANK.index(status) > _RANK.index(worst):
                worst, message = status, _reason(report) if status == "SKIP" else _told(report)
        if self._late:
            return "TIMEOUT", f"The test took longer than {self._limit:g} s.\n{message}".rstrip()
        if not self._reports:
            return "ERROR", "pytest said nothing of this test."
        return worst, _shortened(message)

    # Time

    def _alarm(self, seconds: float) -> None:
        if self._arm:
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # again and again: a test may swallow the first

    def _on_alarm(self, *_: object) -> None:
        self._late = True
        if not self._closing:
            raise TimeLimit("the test took too long")


def _status(report: pytest.TestReport) -> str:
    if str(report.outcome) in ("passed", "rerun"):  # the latter is pytest-rerunfailures' word
        return "PASS"
    if report.skipped:
        return "SKIP"
    return "FAIL" if report.when == "call" else "ERROR"


def _told(report: pytest.TestReport) -> str:
    """The failure, and the end of what was printed."""
    parts = [report.longreprtext]
    for title, text in report.sections:
        parts.append(f"--- {title}\n{text[-1500:]}")
    return "\n".join(parts)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if getattr(report, "wasxfail", None) is not None:
        return f"known to fail: {report.wasxfail}".rstrip(": ")
    told = report.longrepr
    return _shortened(str(told[2]) if isinstance(told, tuple) and len(told) == 3 else str(told))


def _shortened(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT:
        return text
    half = MESSAGE_LIMIT // 2 - 10
    return f"{text[:half]}\n[…]\n{text[-half:]}"


def _relative(path: Path, config: pytest.Config) -> str:
    return os.path.relpath(str(path), str(config.rootpath))


def _needs_page(path: Path) -> bool:
    """Whether the file imports what only the main thread of a page has."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module.split(".")[0] == "pyscript":
                return True
            if node.module == "js" and _PAGE_NAMES & {name.name for name in node.names}:
                return True
        elif isinstance(node, ast.Import) and any(name.name.split(".")[0] == "pyscript" for name in node.names):
            return True
    return False
