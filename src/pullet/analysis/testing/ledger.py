"""The book in which every collected test ends in exactly one status: pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from pullet.domain.testing import Case, Result, Status, shortened

_CHUNK = 64  # tests of one file that a session gets at a time
_CASES = 200_000


class Ledger:
    """What was collected, what waits, what was dealt, and what became of it.

    Tests are dealt by file, as those of one file often share what they set up.
    """

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._results: dict[str, Result] = {}
        self._waiting: deque[tuple[str, ...]] = deque()
        self.deferred: tuple[str, ...] = ()
        """Files whose tests need the page itself."""

    def collected(self, word: Mapping[str, Any], only: Iterable[str] | None = None) -> None:
        """The first word of a session. `only`: ids that are wanted; None: all. Tests that are known already stay as
        they are, so every session may say it."""
        wanted = None if only is None else frozenset(only)
        for key, status in (("errors", Status.ERROR), ("skipped", Status.SKIP)):
            for each in word.get(key, ()):
                name = str(each["id"])
                if wanted is None and self._add(Case(name, name.split("::", maxsplit=1)[0])):
                    self.ended(name, status, 0.0, str(each.get("message", "")))
        new = []
        for each in word.get("tests", ()):
            case = Case(str(each["id"]), str(each.get("path", "")), int(each.get("line", 0)))
            if (wanted is None or case.id in wanted) and self._add(case):
                new.append(case)
        self._waiting.extend(_dealt_by_file(new))
        self.deferred = tuple(dict.fromkeys((*self.deferred, *map(str, word.get("deferred", ())))))

    def _add(self, case: Case) -> bool:
        if case.id in self._cases or len(self._cases) >= _CASES:
            return False
        self._cases[case.id] = case
        return True

    def deal(self) -> tuple[str, ...]:
        """Ids to run next; empty: nothing waits."""
        return self._waiting.popleft() if self._waiting else ()

    def put_back(self, names: Iterable[str]) -> None:
        """They were dealt and not begun."""
        left = tuple(name for name in names if name not in self._results)
        if left:
            self._waiting.appendleft(left)

    def ended(self, name: str, status: Status, duration: float, message: str) -> bool:
        """The first verdict of a test counts. False: there is no such test, or it has one."""
        if name not in self._cases or name in self._results:
            return False
        self._results[name] = Result(self._cases[name], status, max(0.0, duration), shortened(message))
        return True

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting))

    @property
    def files_left(self) -> tuple[str, ...]:
        """Paths of the files that a new session has to collect."""
        left = (name for name in self._cases if name not in self._results)
        # Not the case's path: a test that is inherited lies in another file than the one that it is collected from.
        return tuple(dict.fromkeys(name.split("::", maxsplit=1)[0] for name in left))

    def close(self, why: str) -> None:
        """Whatever has no result was not run, and that is an error."""
        self._waiting.clear()
        for name in self._cases:
            self.ended(name, Status.ERROR, 0.0, why)

    def results(self) -> tuple[Result, ...]:
        """In the order of collection, of the tests that have one."""
        return tuple(self._results[name] for name in self._cases if name in self._results)

    def __len__(self) -> int:
        return len(self._cases)


def _dealt_by_file(cases: Iterable[Case]) -> Iterable[tuple[str, ...]]:
    portion: list[Case] = []
    for case in cases:
        if portion and (case.path != portion[-1].path or len(portion) >= _CHUNK):
            yield tuple(each.id for each in portion)
            portion = []
        portion.append(case)
    if portion:
        yield tuple(each.id for each in portion)
