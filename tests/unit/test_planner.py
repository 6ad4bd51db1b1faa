"""The planner over every small world: two releases, two hostnames, every mode.

Each world is a complete state of one environment. From each we check the safety of every single step, what a failure or
an interruption at any step leads to, and that the end is always an empty plan.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pullet.domain.identity import EnvironmentKey, Revision
from pullet.domain.plan import (
    Build,
    Check,
    Desired,
    Discard,
    Mode,
    Observed,
    ObservedRelease,
    Open,
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
from pullet.planner.environment import plan_environment

ENVIRONMENT = EnvironmentKey("shop", "production")
OLD = Candidate(Revision("main", "a" * 40), "c1")
NEW = Candidate(Revision("main", "b" * 40), "c1")
HOST, FORMER_HOST = "shop.localhost", "old.example.org"


def release_states(number: int, candidate: Candidate) -> Iterator[ObservedRelease | None]:
    yield None
    for verdict in Verdict:
        base = ObservedRelease(number, candidate.id, Stage.OPENED, verdict)
        if verdict is not Verdict.GOOD:  # what proved good was once complete
            yield base
            yield replace(base, stage=Stage.BUILT)
            yield replace(base, stage=Stage.BUILT, intact=False)
            yield replace(base, stage=Stage.RESOLVED, leftovers=True, running=True)  # healed after it had started
        prepared = replace(base, stage=Stage.PREPARED)
        yield prepared
        yield replace(prepared, intact=False)
        yield replace(prepared, leftovers=True)
        yield replace(prepared, leftovers=True, running=True)
        yield replace(prepared, leftovers=True, running=True, healthy=True)


def every_small_world() -> Iterator[Observed]:
    for old, new in itertools.product(release_states(1, OLD), release_states(2, NEW)):
        releases = tuple(release for release in (old, new) if release is not None)
        # Files are removed only after the routes are gone (Unroute precedes Discard), so a route to nothing cannot be.
        targets = [None, *(release.number for release in releases if release.stage is Stage.PREPARED)]
        for host in ("unanswered", *targets):
            for former in ("unanswered", *targets):
                routes = {h: t for h, t in ((HOST, host), (FORMER_HOST, former)) if t != "unanswered"}
                yield Observed(releases, routes)  # type: ignore[arg-type]
                if former == "unanswered" and isinstance(host, int):
                    yield Observed(releases, routes, frozenset({HOST}))  # type: ignore[arg-type]


def every_desire() -> Iterator[Desired]:
    hosts = frozenset({HOST})
    for candidate in (None, OLD, NEW):
        yield Desired(ENVIRONMENT, Mode.RUNNING, candidate, hosts)
    yield Desired(ENVIRONMENT, Mode.RUNNING, OLD, hosts, preferred_release=1)
    yield Desired(ENVIRONMENT, Mode.SUSPENDED, NEW, hosts)
    yield Desired(ENVIRONMENT, Mode.ABSENT, None, hosts)


CASES = [(desired, world) for desired in every_desire() for world in every_small_world()]


def apply(step: Step, world: Observed) -> Observed:
    """What the world is after the step succeeded."""
    match step:
        case Open(candidate):
            number = max((release.number for release in world.releases), default=0) + 1
            return replace(world, releases=(*world.releases, ObservedRelease(number, candidate.id, Stage.OPENED)))
        case Resolve(number):
            return _with(world, number, stage=Stage.RESOLVED, intact=True)
        case Build(number):
            return _with(world, number, stage=Stage.BUILT)
        case Check(number):
            return _with(world, number, stage=Stage.CHECKED)
        case Prepare(number):
            return _with(world, number, stage=Stage.PREPARED)
        case Repair(number):
            return _with(world, number, intact=True)
        case Start(number):
            return _with(world, number, running=True, leftovers=True, healthy=False)
        case Probe(number):
            return _with(world, number, healthy=True)
        case Stop(number):
            return _with(world, number, running=False, leftovers=False, healthy=False)
        case Switch(number, hosts):
            return replace(world, routes={**world.routes, **dict.fromkeys(hosts, number)}, stale=world.stale - hosts)
        case ShowPage(hosts):
            return replace(world, routes={**world.routes, **dict.fromkeys(hosts)}, stale=world.stale - hosts)
        case Unroute(hosts):
            kept = {h: t for h, t in world.routes.items() if h not in hosts}
            return replace(world, routes=kept, stale=world.stale - hosts)
        case Discard(number):
            return replace(world, releases=tuple(r for r in world.releases if r.number != number))


def _with(world: Observed, number: int, **changes: object) -> Observed:
    releases = tuple(replace(r, **changes) if r.number == number else r for r in world.releases)  # type: ignore[arg-type]
    return replace(world, releases=releases)


def test_interrupted_after_any_step_the_new_plan_is_the_rest_of_the_old_one() -> None:
    for desired, world in CASES:
        plan = plan_environment(desired, world)
        if not plan.steps or isinstance(plan.steps[-1], Open):
            continue
        after = plan_environment(desired, apply(plan.steps[0], world))
        assert after.steps == plan.steps[1:], (desired, world, plan)


def test_it_always_ends_with_nothing_left_to_do() -> None:
    for desired, start in CASES:
        world = start
        for _ in range(20):
            plan = plan_environment(desired, world)
            if not plan.steps:
                break
            world = apply(plan.steps[0], world)
        else:
            pytest.fail(f"never ends: {desired} from {start}")
        _assert_as_desired(desired, world)


def _assert_as_desired(desired: Desired, world: Observed) -> None:
    if desired.mode is Mode.ABSENT:
        assert world == Observed()
        return
    assert set(world.routes) == desired.hosts
    assert not world.stale
    alive = {release.number for release in world.releases if release.leftovers}
    assert alive == world.serving
    if desired.mode is Mode.SUSPENDED:
        assert not alive
    elif desired.candidate is not None:
        bad = any(r.candidate == desired.candidate.id and r.verdict is Verdict.BAD for r in world.releases)
        [target] = set(world.routes.values())
        live = world.release(target)
        if bad:
            assert live is None or (live.candidate != desired.candidate.id and live.healthy)
        else:
            assert live is not None
            assert live.healthy
            assert live.intact
            assert live.candidate == desired.candidate.id


def test_traffic_is_led_only_to_a_release_that_is_complete_intact_and_healthy() -> None:
    for desired, start in CASES:
        world = start
        for step in plan_environment(desired, start).steps:
            if isinstance(step, Switch):
                target = world.release(step.release)
                assert target is not None
                assert target.stage is Stage.PREPARED
                assert target.verdict is not Verdict.BAD
                assert target.running
                assert target.healthy
                assert target.intact
            world = apply(step, world)


def test_nothing_that_serves_is_stopped_or_discarded() -> None:
    for desired, start in CASES:
        world = start
        for step in plan_environment(desired, start).steps:
            if isinstance(step, Stop | Discard):
                assert step.release not in world.serving, (desired, start, step)
            world = apply(step, world)


def test_an_answered_host_stays_answered_while_the_app_shall_run() -> None:
    for desired, start in CASES:
        world = start
        for step in plan_environment(desired, start).steps:
            after = apply(step, world)
            if desired.mode is Mode.RUNNING:
                assert set(world.routes) & desired.hosts <= set(after.routes)
            world = after


MAKING = (Resolve, Build, Check, Prepare, Start, Probe)


def test_a_failure_before_the_switch_leaves_what_serves_as_it_was() -> None:
    for desired, start in CASES:
        if desired.mode is not Mode.RUNNING:
            continue
        world = start
        for step in plan_environment(desired, start).steps:
            if isinstance(step, MAKING) and step.release not in start.serving:
                failed = _with(world, step.release, verdict=Verdict.BAD)
                _assert_still_served(start, desired, failed)
            if isinstance(step, Switch):
                break
            world = apply(step, world)


def _assert_still_served(start: Observed, desired: Desired, failed: Observed) -> None:
    served = start.release(start.routes.get(HOST))
    if start.stale or served is None or served.verdict is Verdict.BAD or not (served.healthy and served.intact):
        return
    plan = plan_environment(desired, failed)
    assert plan.goal == served.number
    assert not any(isinstance(step, (*MAKING, ShowPage)) for step in plan.steps)
    assert Stop(served.number) not in plan.steps


def test_a_bad_candidate_is_never_tried_again_by_itself() -> None:
    for desired, world in CASES:
        bad = {release.number for release in world.releases if release.verdict is Verdict.BAD}
        for step in plan_environment(desired, world).steps:
            assert not (isinstance(step, (*MAKING, Switch)) and step.release in bad)


def test_release_commands_run_after_the_gates_and_before_any_process_starts() -> None:
    order = [Resolve, Build, Check, Prepare, Start, Probe, Switch, Stop]
    plan = plan_environment(
        Desired(ENVIRONMENT, Mode.RUNNING, NEW, frozenset({HOST})),
        Observed(
            (
                ObservedRelease(1, OLD.id, Stage.PREPARED, Verdict.GOOD, running=True, leftovers=True, healthy=True),
                ObservedRelease(2, NEW.id, Stage.OPENED),
            ),
            {HOST: 1},
        ),
    )
    assert [type(step) for step in plan.steps] == order


def test_there_are_as_many_worlds_as_we_think() -> None:
    """A test that enumerates must not come to enumerate nothing."""
    assert len(CASES) > 20_000
