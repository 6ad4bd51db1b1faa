"""unittest's tests, dealt out by the conductor: `python -m pullet_unittest`, which talks as `pullet_session` does.

What tests there are unittest's own command line says; they are run one by one, with the fixtures of classes and modules
set up and torn down as its suites would.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import time
import traceback
import unittest
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

MESSAGE_LIMIT = 8000
_UNFINISHED = ("ERROR", "What the tests of the class or module share was not set up in time.")
_RANK = ("PASS", "SKIP", "FAIL", "ERROR", "TIMEOUT")


class TimeLimit(BaseException):
    """Raised in the test that took too long. No Exception: a test that catches those shall not catch this."""


class Told(unittest.TestResult):
    """What unittest says of the test in hand: the worst counts."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = True  # what a failed test printed becomes a part of its message
        self.said: list[tuple[str, str]] = []

    def verdict(self) -> tuple[str, str]:
        return max(self.said, key=lambda each: _RANK.index(each[0]), default=("PASS", ""))

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: ARG002 - unittest's
        self.said.append(("PASS", ""))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.said.append(("FAIL", self._exc_info_to_string(err, test)))  # type: ignore[attr-defined]

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """The test itself raised something, or what was set up for it did."""
        status = "FAIL" if _from_test(err[2]) else "ERROR"
        self.said.append((status, self._exc_info_to_string(err, test)))  # type: ignore[attr-defined]

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.said.append(("FAIL", f"{subtest}\n{self._exc_info_to_string(err, test)}"))  # type: ignore[attr-defined]

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        if type(test).__name__ != "_SubTest":  # of a subtest: the others count
            self.said.append(("SKIP", reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: ARG002 - unittest's
        self.said.append(("SKIP", f"known to fail: {err[1]}"))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: ARG002 - unittest's
        self.said.append(("FAIL", "The test is expected to fail, and passes."))


class Fixtures:
    """What tests of one class, and of one module, share; set up before the first and torn down after the last."""

    def __init__(self) -> None:
        self._module: Any = None
        self._class: Any = None
        self._trouble: tuple[str, str] | None = None
        """What became of setting them up, where it went wrong: no test of the class can run."""
        self._module_trouble: tuple[str, str] | None = None

    def enter(self, test: unittest.TestCase) -> tuple[str, str] | None:
        """None: the test can run."""
        kind = type(test)
        if kind.__module__ != self._module:
            self._module, self._class = kind.__module__, None
            self._module_trouble = _UNFINISHED  # should its time run out amid it
            self._module_trouble = _tried(self._of_module("setUpModule"))
        if kind is not self._class:
            self._class, self._trouble = kind, self._module_trouble
            if self._trouble is None and not getattr(kind, "__unittest_skip__", False):
                self._trouble = _UNFINISHED
                self._trouble = _tried(getattr(kind, "setUpClass", None))
                if self._trouble is not None:
                    _tried(getattr(kind, "doClassCleanups", None))
        return self._trouble

    def leave(self, following: unittest.TestCase | None) -> tuple[str, str] | None:
        """After a test, with the one that comes next; what went wrong."""
        troubles = []
        if self._class is not None and (following is None or type(following) is not self._class):
            troubles += self._leave_class()
        if self._module is not None and (following is None or type(following).__module__ != self._module):
            troubles += self._leave_module()
        return troubles[0] if troubles else None

    def _leave_class(self) -> list[tuple[str, str]]:
        kind, self._class = self._class, None
        if self._trouble is not None or getattr(kind, "__unittest_skip__", False):
            return []
        found = [_tried(getattr(kind, "tearDownClass", None)), _tried(getattr(kind, "doClassCleanups", None))]
        errors = [("ERROR", _text(err)) for err in getattr(kind, "tearDown_exceptions", ())]
        return [*filter(None, found), *errors]

    def _leave_module(self) -> list[tuple[str, str]]:
        tear_down = None if self._module_trouble is not None else self._of_module("tearDownModule")
        self._module = None
        return [*filter(None, (_tried(tear_down), _tried(getattr(unittest.case, "doModuleCleanups", None))))]

    def _of_module(self, name: str) -> Any:
        return getattr(sys.modules.get(self._module), name, None)


class Conducted:
    """Takes its tests from `channel`, and tells it what became of each.

    `limit`: seconds for one test; `paths`: files, or ids, to run at most, empty: all.
    """

    def __init__(self, channel: Any, limit: float, paths: Iterable[str] = ()) -> None:
        self._channel = channel
        self._limit = limit
        self._paths = frozenset(paths)
        self._tests: dict[str, unittest.TestCase] = {}
        self._fixtures = Fixtures()
        self._late = False
        signal.signal(signal.SIGALRM, self._on_alarm)

    def run(self, suite: Any) -> unittest.TestResult:
        """All that the suite has; as unittest's runners."""
        self._collect(suite)
        queue: deque[unittest.TestCase] = deque()
        over = False
        while True:
            while not over and len(queue) < 2:  # a test is told which one comes next: what they share is kept
                over = not self._ask(queue)
            if not queue:
                return unittest.TestResult()
            self._run(queue.popleft(), queue[0] if queue else None)

    def _collect(self, suite: Any) -> None:
        tests, errors, skipped = [], [], []
        for test in _flat(suite):
            name, path, line = _told(test)
            if self._paths and not self._paths & {name, path}:
                continue
            kind = type(test).__name__
            if kind == "_FailedTest":
                errors.append({"id": _failed(test), "message": _shortened(str(getattr(test, "_exception", "")))})
            elif kind == "ModuleSkipped":
                skipped.append({"id": _failed(test), "message": _reason(test)})
            elif name not in self._tests:
                self._tests[name] = test
                tests.append({"id": name, "path": path, "line": line})
        self._channel.say(
            {"say": "collected", "tests": tests, "errors": errors, "skipped": skipped, "deferred": []},
        )

    def _ask(self, queue: deque[unittest.TestCase]) -> bool:
        self._channel.say({"say": "want"})
        word = self._channel.hear()
        if word is None or word["do"] != "run":
            return False
        for name in word["ids"]:
            if name in self._tests:
                queue.append(self._tests[name])
            else:
                self._say(name, "ERROR", 0.0, "The test was collected at first, and is not collected any more.")
        return True

    def _run(self, test: unittest.TestCase, following: unittest.TestCase | None) -> None:
        name, self._late = test.id(), False
        self._channel.say({"say": "start", "id": name})
        started = time.perf_counter()
        said: list[tuple[str, str]] = []
        self._alarm(self._limit)
        try:
            said = self._said(test, following)
        except TimeLimit:  # between the test's phases
            self._late = True
        finally:
            self._alarm(0)
        status, message = max(said, key=lambda each: _RANK.index(each[0]), default=("PASS", ""))
        if self._late:
            status, message = "TIMEOUT", f"The test took longer than {self._limit:g} s.\n{message}".rstrip()
        self._say(name, status, time.perf_counter() - started, _shortened(message))

    def _said(self, test: unittest.TestCase, following: unittest.TestCase | None) -> list[tuple[str, str]]:
        trouble = self._fixtures.enter(test)
        found = [trouble if trouble is not None else _result(test)]
        after = self._fixtures.leave(following)
        return found if after is None else [*found, after]

    def _say(self, name: str, status: str, duration: float, message: str) -> None:
        self._channel.say(
            {"say": "result", "id": name, "status": status, "duration": round(duration, 6), "message": message}
        )

    def _alarm(self, seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # again and again: a test may swallow the first

    def _on_alarm(self, *_: object) -> None:
        self._late = True
        raise TimeLimit("the test took too long")


def _result(test: unittest.TestCase) -> tuple[str, str]:
    told = Told()
    streams = sys.stdout, sys.stderr
    try:
        test(told)
    except TimeLimit:
        raise
    except BaseException as err:
        told.said.append(("FAIL", _text((type(err), err, err.__traceback__))))
    finally:
        sys.stdout, sys.stderr = streams
    if not told.said and not told.testsRun:
        return "ERROR", "unittest said nothing of this test."
    return told.verdict()


def _tried(call: Any) -> tuple[str, str] | None:
    """None where it went well, or where there is nothing to call."""
    if call is None:
        return None
    try:
        call()
    except TimeLimit:
        raise
    except unittest.SkipTest as err:
        return "SKIP", str(err)
    except BaseException as err:
        return "ERROR", _text((type(err), err, err.__traceback__))
    return None


def _from_test(trace: Any) -> bool:
    """Whether the test's own method was running; its set-up, tear-down and clean-ups are not."""
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "_callTestMethod":
            return True
        trace = trace.tb_next
    return False


def _flat(suite: Any) -> Iterator[Any]:
    """The tests of a suite, in its order; suites may be nested as deep as they like."""
    waiting = [iter([suite])]
    while waiting:
        for each in waiting[-1]:
            if isinstance(each, unittest.TestCase) or not hasattr(each, "__iter__"):
                yield each
            else:
                waiting.append(iter(each))
                break
        else:
            waiting.pop()


def _told(test: Any) -> tuple[str, str, int]:
    """Id, path from the working folder, line from 1."""
    method = getattr(type(test), str(getattr(test, "_testMethodName", "")), None)
    code = getattr(inspect.unwrap(method), "__code__", None) if callable(method) else None
    try:
        path = os.path.relpath(inspect.getsourcefile(type(test)) or "")
    except (TypeError, ValueError, OSError):
        path = ""
    name = test.id() if hasattr(test, "id") else repr(test)
    return name, "" if path.startswith("..") else path, code.co_firstlineno if code else 0


def _failed(test: Any) -> str:
    """The module that could not be loaded."""
    return str(getattr(test, "_testMethodName", "")) or str(test.id())


def _reason(test: Any) -> str:
    return _result(test)[1]


def _text(err: Any) -> str:
    return "".join(traceback.format_exception(*err))


def _shortened(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT:
        return text
    half = MESSAGE_LIMIT // 2 - 10
    return f"{text[:half]}\n[…]\n{text[-half:]}"


def main() -> int:
    from pullet_session import Pipes  # type: ignore[import-not-found]  # noqa: PLC0415 - beside this file

    pipes = Pipes()
    asked = pipes.hear()
    if asked is None:
        return 1
    sys.path.insert(0, str(Path.cwd()))  # as `python -m unittest` does
    conducted = Conducted(pipes, asked["limit"], asked["paths"])
    code, message = 0, ""
    try:
        unittest.main(module=None, argv=["python -m unittest", *asked["arguments"]], testRunner=conducted, exit=False)
    except SystemExit:
        code, message = 4, f"unittest does not take these arguments: {' '.join(asked['arguments'])}"
    except Exception as err:
        code, message = 3, _shortened(_text((type(err), err, err.__traceback__)))
    pipes.say({"say": "end", "exit": code, "message": message})
    return 0


if __name__ == "__main__":
    sys.exit(main())
