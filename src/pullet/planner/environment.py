"""What to do next for one environment: desired x observed -> plan.

The one promise behind the order of steps: interrupt after any of them and plan again, and the new plan is the rest of
the old one. So a crash needs no special case anywhere. tests/unit/test_planner.py checks it over every small world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pullet.domain.plan import (
    Build,
    Check,
    Desired,
    Discard,
    Mode,
    Observed,
    ObservedRelease,
    Open,
    Plan,
    Prepare,
    Probe,
    Repair,
    Resolve,
    ShowPage,
    Start,
    Step,
    Stop,
    Switch,
    Unroute,
)
from pullet.domain.release import Candidate, Stage, Verdict


def plan_environment(desired: Desired, observed: Observed) -> Plan:
    """The steps from `observed` to `desired`; none when they agree."""
    match desired.mode:
        case Mode.ABSENT:
            return Plan(None, tuple(_remove(observed)))
        case Mode.SUSPENDED:
            return Plan(None, tuple(_stand_still(desired, observed)))
        case Mode.RUNNING:
            return _run(desired, observed)


def _run(desired: Desired, observed: Observed) -> Plan:
    if desired.candidate is not None:
        release = _release_of(desired.candidate, desired.preferred_release, observed)
        if release is None and desired.candidate.id not in observed.failed:
            return Plan(None, (*_first_page(desired, observed), Open(desired.candidate)))
        if release is not None and release.verdict is not Verdict.BAD:
            return Plan(release.number, tuple(_go_live(release, desired, observed)))
    standby = last_good(observed)
    if standby is None:
        return Plan(None, tuple(_stand_still(desired, observed)))
    return Plan(standby.number, tuple(_go_live(standby, desired, observed)))


def _release_of(candidate: Candidate, preferred: int | None, observed: Observed) -> ObservedRelease | None:
    """The release to use: a rollback's own where it still exists, else the candidate's newest."""
    chosen = observed.release(preferred)
    if chosen is not None and chosen.verdict is not Verdict.BAD:
        return chosen
    return max(
        (release for release in observed.releases if release.candidate == candidate.id),
        key=lambda release: release.number,
        default=None,
    )


def last_good(observed: Observed) -> ObservedRelease | None:
    """What to fall back on: the release that serves now unless it went bad, else the newest that once proved good."""
    serving = [observed.release(number) for number in sorted(observed.serving, reverse=True)]
    proved = sorted(
        (release for release in observed.releases if release.verdict is Verdict.GOOD),
        key=lambda release: release.number,
        reverse=True,
    )
    for release in (*serving, *proved):
        if release is not None and release.verdict is not Verdict.BAD and release.stage is Stage.PREPARED:
            return release
    return None


def _go_live(goal: ObservedRelease, desired: Desired, observed: Observed) -> Iterator[Step]:
    """Everything from a release with a number to a live one alone on the box, in the only safe order."""
    yield from _first_page(desired, observed)
    if goal.leftovers and goal.stage.rank < Stage.PREPARED.rank:
        yield Stop(goal.number)  # processes of an attempt that failed: it is built otherwise
        goal = replace(goal, leftovers=False, running=False, healthy=False)
    yield from _make(goal)
    if not goal.running:
        yield Start(goal.number)
    if not goal.healthy:
        yield Probe(goal.number)
    if any(observed.routes.get(host) != goal.number or host in observed.stale for host in desired.hosts):
        yield Switch(goal.number, desired.hosts)
    yield from _unroute_others(desired, observed)
    yield from _stop(observed, keep=goal.number)


def _make(goal: ObservedRelease) -> Iterator[Step]:
    number = goal.number
    if goal.stage.rank < Stage.RESOLVED.rank:
        yield Resolve(number)
    elif not goal.intact:
        yield Repair(number)
    if goal.stage.rank < Stage.BUILT.rank:
        yield Build(number)
    if goal.stage.rank < Stage.CHECKED.rank:
        yield Check(number)
    if goal.stage.rank < Stage.PREPARED.rank:
        yield Prepare(number)


def _first_page(desired: Desired, observed: Observed) -> Iterator[Step]:
    """A hostname that nobody answers yet gets a page that says what is going on."""
    unanswered = desired.hosts - observed.routes.keys()
    if unanswered:
        yield ShowPage(unanswered)


def _stand_still(desired: Desired, observed: Observed) -> Iterator[Step]:
    """Nothing runs; the hostnames say why."""
    pageless = frozenset(host for host in desired.hosts if observed.routes.get(host, 0) is not None)
    if pageless:
        yield ShowPage(pageless)
    yield from _unroute_others(desired, observed)
    yield from _stop(observed, keep=None)


def _remove(observed: Observed) -> Iterator[Step]:
    if observed.routes:
        yield Unroute(frozenset(observed.routes))
    yield from _stop(observed, keep=None)
    for release in observed.releases:
        yield Discard(release.number)


def _unroute_others(desired: Desired, observed: Observed) -> Iterator[Step]:
    others = observed.routes.keys() - desired.hosts
    if others:
        yield Unroute(frozenset(others))


def _stop(observed: Observed, *, keep: int | None) -> Iterator[Step]:
    """Last of all: by now no hostname leads to these."""
    for release in observed.releases:
        if release.leftovers and release.number != keep:
            yield Stop(release.number)
