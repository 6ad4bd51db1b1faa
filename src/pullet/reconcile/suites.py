"""A release's tests run before it takes traffic: in its own interpreter, and in browsers where it asks for that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pullet.analysis.testing.command import understood
from pullet.analysis.testing.comparing import reasons_to_hold_back
from pullet.analysis.testing.expectations import (
    EXPECTATIONS_FILE,
    LIMIT,
    Expectation,
    applied,
    expected_in,
    parse_expectations,
)
from pullet.domain.app import AppSpec
from pullet.domain.errors import GateFailed, PulletError
from pullet.domain.identity import ReleaseId
from pullet.domain.release import Release
from pullet.domain.runtime import Workplace
from pullet.domain.services import ServiceType
from pullet.domain.testing import Column, SuiteSpec, Tested
from pullet.ports import LogSink, PythonEnvironment, Suite, Tester
from pullet.reconcile.bases import base_of
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.trial import Running, Trials

TESTS, BROWSER = "tests", "browser"
PAGES = "pages"
"""The column of the app's own pages."""
GATES = (TESTS, BROWSER)
_SERVERS = frozenset({ServiceType.POSTGRESQL, ServiceType.VALKEY})
_NAMED = 20  # reasons in an error's context


class Suites:
    """Of one environment's releases."""

    def __init__(self, neighbours: Neighbours, tester: Tester) -> None:
        self._world = neighbours
        self._tester = tester

    async def test(self, release: Release, log: LogSink) -> Tested:
        """Run what the release's gates ask for, on services of its own, and keep what came of it.

        Whatever stops a column is in it. Raises BuildFailed, ServiceFailed, ConfigError of the expectations.
        """
        assert release.spec is not None
        base = base_of(self._world, release)
        async with Trials(self._world).at_rest(release, log) as place:
            tree = self._world.home.tree(release.id)
            environment = await self._world.builder.for_tests(release.id, release.spec, tree, release.artifact, log)
            asked = tuple(_asked(release, place, environment, log))
            tested = await run_columns(self._tester, asked, release.candidate.revision.short, self._now(), log)
        if BROWSER in release.spec.gates and release.spec.browser.pages:
            pages = await self._pages(release, environment, log)
            tested = replace(tested, columns=(*tested.columns, pages))
        tested = replace(tested, base=base.candidate.revision.short if base is not None else "")
        self._world.store.results.save(release.id, tested)
        return tested

    async def _pages(self, release: Release, environment: PythonEnvironment, log: LogSink) -> Column:
        """The app's own pages, of the release that is about to go live, at an address that the router leads to it."""
        try:
            async with Trials(self._world).of(release, log) as running:
                suite = _of_pages(release, running, environment)
                return await self._tester.test(suite, PAGES, log)
        except (PulletError, OSError) as err:
            return Column(PAGES, trouble=f"The release could not be tried out: {err}")

    def refuse(self, tested: Tested, release: Release) -> None:
        """Raises GateFailed where a test fails that did not fail in what is live, or something could not be run."""
        base = base_of(self._world, release)
        before = self._world.store.results.get(base.id) if base is not None else None
        if reasons := reasons_to_hold_back(tested, before):
            raise refusal(reasons, tested, release.id)

    def _now(self) -> float:
        return self._world.clock.now()


def refusal(reasons: Sequence[str], tested: Tested, release: ReleaseId) -> GateFailed:
    gates = " and ".join(sorted({BROWSER if column.name != "cpython" else TESTS for column in tested.columns}))
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return GateFailed(
        f"Gate {gates or TESTS} holds {release} back: {reasons[0]}{more}",
        context="\n".join(reasons[:_NAMED]),
        hint=f"`pullet tests {release.environment.app} --release {release.number}` tells what each test said.",
    )


async def run_columns(
    tester: Tester,
    asked: Sequence[tuple[str, Suite]],
    revision: str,
    now: float,
    log: LogSink,
    *,
    only: Sequence[str] | None = None,
    fresh: bool = False,
) -> Tested:
    """(column, suite) one after the other: each has the whole box. `now`: seconds since the epoch.

    Raises UsageError for a column that does not exist, ConfigError of the expectations.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    expectations = await _expectations(asked[0][1].top) if asked else ()
    found: list[Column] = []
    for name, suite in asked:
        expects = expected_in(name, expectations, today)
        found.append(await tester.test(suite, name, log, only=only, expects=expects, fresh=fresh))
    return applied(Tested(revision, now, tuple(found)), expectations, today)


async def _expectations(top: Path) -> tuple[Expectation, ...]:
    return parse_expectations(await asyncio.to_thread(_text, top / EXPECTATIONS_FILE))


def _text(path: Path) -> str:
    """Empty where there is none. A link is none: it may lead anywhere."""
    with suppress(OSError), os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(LIMIT + 1).decode("utf-8", "replace")
    return ""


def _asked(
    release: Release, place: Workplace, environment: PythonEnvironment, log: LogSink
) -> Iterator[tuple[str, Suite]]:
    """What each declared gate has run."""
    assert release.spec is not None
    spec = release.spec
    suite = _suite(release, spec, place, environment)
    if TESTS in spec.gates:
        served = [service.name for service in spec.services if service.type in _SERVERS]
        if served and not spec.tests.network:
            log(f"{', '.join(served)}: tests reach it, and so the network")
        own = as_asked(suite, replace(spec.tests, network=spec.tests.network or bool(served)))
        yield "cpython", replace(own, shards=own.shards or (1 if served else 0))  # shards would share a database
    if BROWSER in spec.gates:
        asked = spec.browser
        own = replace(suite, arguments=(asked.tests,), limit=asked.limit, whole=asked.timeout, network=asked.network)
        yield from ((name, own) for name in asked.on)


def _suite(release: Release, spec: AppSpec, place: Workplace, environment: PythonEnvironment) -> Suite:
    return Suite(
        release.id.environment.app,
        Path(place.tree),
        python=environment.python,
        python_path=place.python_path,
        lock=environment.lock,
        variables=dict(place.variables),
        secrets=place.secrets,
        folders=place.folders,
        spec=spec,
        revision=release.candidate.revision.short,
        digest=f"{release.candidate.revision.sha}:{spec.root}:{environment.digest}",
    )


def _of_pages(release: Release, running: Running, environment: PythonEnvironment) -> Suite:
    """They reach the router, so the network; what they see depends on a running app, so nothing is reused."""
    assert release.spec is not None
    asked = release.spec.browser
    suite = _suite(release, release.spec, running.place, environment)
    where = {"PYTEST_BASE_URL": running.url, "PULLET_URL": running.url}
    return replace(
        suite,
        arguments=(asked.pages,),
        variables={**suite.variables, **where},
        limit=asked.limit,
        whole=asked.timeout,
        shards=1,
        network=True,
        digest="",
    )


def as_asked(suite: Suite, asked: SuiteSpec, arguments: Sequence[str] = ()) -> Suite:
    """The suite, run as an app asks for it. `arguments`: more of them for the runner."""
    ask = understood(asked.command or "pytest")
    return replace(
        suite,
        arguments=(*ask.arguments, *arguments),
        runner=ask.runner,
        program=ask.program,
        junit=asked.junit,
        limit=asked.limit,
        whole=asked.timeout,
        shards=asked.shards,
        network=asked.network,
    )


def summary(tested: Tested) -> str:
    """In half a sentence, for the log of a step."""
    told = []
    for column in tested.columns:
        bad = sum(result.bad for result in column.results)
        how = f"{len(column.results)} tests, {bad} not as expected" if column.results else "nothing"
        told.append(f"{column.name}: {how}" + (f"; NOT RUN: {column.trouble}" if column.trouble else ""))
    return "; ".join(told)
