"""Deals the tests of a suite out to sessions, and lets no test go without a verdict.

A test that takes too long fails by itself (the plugin's alarm) or by `interrupt`; at twice its limit its interpreter is
ended. An interpreter that ends, whoever ended it, costs the test that it was running; the others go on in a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pullet.analysis.testing.ledger import Ledger
from pullet.domain.errors import PulletError, TestsFailed
from pullet.domain.testing import Column, Result, Status
from pullet.drivers.testing.serving import Serving
from pullet.ports import ColumnKind, Expects, LogSink, Suite, Venue

_FRUITLESS = 3  # sessions in a row that ended before they brought a test to its end
_PAYS_FROM = 40  # tests: below that a second interpreter costs more than it saves
_RERUN = 20  # unexpected results that are looked at again
_TIMES = 2  # how often
_NOTHING = "No tests were found"


def passes(result: Result) -> bool:
    """What is expected where nobody says otherwise."""
    return result.status.good


@dataclass(frozen=True)
class _Task:
    """What the sessions of one round are for."""

    ledger: Ledger
    only: Sequence[str] | None
    """Ids; None: all there are."""
    paths: Sequence[str]
    """Files to collect; empty: whatever the suite has."""
    main: bool = False


class Conductor:
    """One column of one suite."""

    def __init__(self, suite: Suite, venue: Venue, log: LogSink) -> None:
        self._suite = suite
        self._venue = venue
        self._log = log
        self._started = time.monotonic()
        self._first = 0.0
        self._sessions = 0
        self._trouble = ""

    async def run(self, only: Sequence[str] | None = None, expects: Expects = passes) -> Column:
        """All tests, or `only` those ids; unexpected results are looked at again. Does not raise for what tests do."""
        ledger = Ledger()
        results: tuple[Result, ...] = ()
        try:
            async with asyncio.timeout(self._suite.whole):
                await self._round(ledger, only)
                results = ledger.results()
                results = await self._again(results, expects)
        except TimeoutError:
            self._trouble = f"The tests took longer than {self._suite.whole:g} s together"
            ledger.close(f"Not run: {self._trouble}.")
            results = results or ledger.results()
        if not results and not self._trouble:
            self._trouble = _NOTHING
        duration = time.monotonic() - self._started
        first = max(0.0, self._first - self._started)
        return Column(
            "", self._venue.version, results, self._trouble, duration=duration, first=first, sessions=self._sessions
        )

    async def _round(self, ledger: Ledger, only: Sequence[str] | None) -> None:
        """Every test once."""
        await self._side_by_side(_Task(ledger, only, _paths(only)))
        if ledger.deferred and not self._trouble:
            await self._in_turn(_Task(ledger, only, ledger.deferred, main=True), asyncio.Event())
        ledger.close(f"Not run: {self._trouble or 'no session took it'}.")

    async def _side_by_side(self, task: _Task) -> None:
        """As many sessions as pay: how much there is to do the first one says."""
        told = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._in_turn(task, told), name="tests:0")
            await told.wait()
            for number in range(1, self._worth(task.ledger)):
                tasks.create_task(self._in_turn(task, told), name=f"tests:{number}")

    def _worth(self, ledger: Ledger) -> int:
        return self._suite.shards or (self._venue.sessions if ledger.waiting >= _PAYS_FROM else 1)

    async def _in_turn(self, task: _Task, told: asyncio.Event) -> None:
        """One session, and another in its place for as long as one ends too early and tests wait.

        `told` is set once it is known what there is, or that nobody will tell."""
        fruitless, begun = 0, False
        try:
            while not self._trouble and (task.ledger.waiting or not (begun or told.is_set())):
                begun = True
                serving = await self._one(task, told)
                if serving is None or serving.finished:
                    return
                fruitless = 0 if serving.fruitful else fruitless + 1
                if fruitless >= _FRUITLESS or not serving.collected:
                    self._trouble = self._trouble or _sentence(serving.why)
        finally:
            told.set()

    async def _one(self, task: _Task, told: asyncio.Event) -> Serving | None:
        """None: there is no session to be had."""
        paths = task.ledger.files_left if task.ledger.waiting else task.paths
        try:
            session = await self._venue.open(paths, main=task.main)
        except TestsFailed as err:
            self._trouble = self._trouble or str(err)
            return None
        self._sessions += 1
        patience = self._venue.patience
        serving = Serving(
            session, task.ledger, self._log, told, limit=self._suite.limit, patience=patience, only=task.only
        )
        await serving.run()
        self._first = min(filter(None, (self._first, serving.first)), default=0.0)
        return serving

    async def _again(self, results: tuple[Result, ...], expects: Expects) -> tuple[Result, ...]:
        """What was not expected is run twice more, each time in an interpreter of its own."""
        odd = [each.case.id for each in results if not expects(each) and each.case.id != each.case.path]
        if not odd or self._trouble:
            return results
        seen: dict[str, tuple[Status, ...]] = {}
        for _ in range(_TIMES):
            ledger = Ledger()
            await self._round(ledger, odd[:_RERUN])
            for result in ledger.results():
                seen[result.case.id] = (*seen.get(result.case.id, ()), result.status)
        self._trouble = ""  # what stopped a second look does not undo the first
        return tuple(replace(each, again=seen.get(each.case.id, ())) for each in results)


async def run_column(
    kind: ColumnKind, suite: Suite, log: LogSink, only: Sequence[str] | None = None, expects: Expects = passes
) -> Column:
    """One runtime, from its preparation to its end. What stops it is the column's trouble and raises nothing."""
    started = time.monotonic()
    try:
        async with kind.prepare(suite, log) as venue:
            ready = time.monotonic() - started
            column = await Conductor(suite, venue, log).run(only, expects)
            first = column.first and column.first + ready
            return replace(column, name=kind.name, first=first, duration=column.duration + ready)
    except PulletError as err:
        return Column(kind.name, trouble=err.message, hint=err.hint or "", duration=time.monotonic() - started)


def _paths(only: Sequence[str] | None) -> Sequence[str]:
    return tuple(dict.fromkeys(name.split("::", maxsplit=1)[0] for name in only or ()))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
