"""The small decisions around the plan: what is desired, what is watched, what is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.fleet import EnvironmentSpec, Hold, ProcessOverride, Track, TrackKind
from pullet.domain.identity import EnvironmentKey, Revision
from pullet.domain.plan import Mode, Observed, ObservedRelease
from pullet.domain.release import Stage, Verdict
from pullet.planner.backoff import backoff
from pullet.planner.desired import configuration_digest, desired_environment
from pullet.planner.retention import releases_to_discard
from pullet.planner.watch import WINDOW, Watched, judge

SPEC = EnvironmentSpec(EnvironmentKey("shop", "production"), Track(TrackKind.BRANCH, "main"))
GOOD, BAD, NEXT = (Revision("main", letter * 40) for letter in "abc")


def rolled_back() -> EnvironmentSpec:
    hold = Hold(revision=GOOD.sha, skip=(BAD.sha,), release=1, configuration=configuration_digest(SPEC))
    return replace(SPEC, hold=hold)


def test_a_rollback_holds_while_the_branch_stays() -> None:
    desired = desired_environment(rolled_back(), BAD)
    assert desired.candidate is not None
    assert desired.candidate.revision.sha == GOOD.sha
    assert desired.preferred_release == 1


def test_the_next_commit_ends_a_rollback() -> None:
    desired = desired_environment(rolled_back(), NEXT)
    assert desired.candidate is not None
    assert desired.candidate.revision == NEXT
    assert desired.preferred_release is None


def test_a_setting_changed_after_a_rollback_takes_effect() -> None:
    desired = desired_environment(replace(rolled_back(), variables=(("LEVEL", "debug"),)), BAD)
    assert desired.preferred_release is None


def test_suspension_and_unknown_tips() -> None:
    assert desired_environment(replace(SPEC, suspended=True), GOOD).mode is Mode.SUSPENDED
    assert desired_environment(SPEC, None).candidate is None


@pytest.mark.parametrize(
    "change",
    [
        {"variables": (("A", "1"),)},
        {"secrets": (("K", "age:x"),)},
        {"processes": (("web", ProcessOverride(instances=2)),)},
        {"domains": ("shop.example.org",)},
    ],
)
def test_what_a_process_sees_makes_a_new_candidate(change: dict[str, object]) -> None:
    assert configuration_digest(replace(SPEC, **change)) != configuration_digest(SPEC)  # type: ignore[arg-type]


CALM = Watched(age=5, restarts=0, crashed=False, requests=100, errors=0, errors_before=0.0)


@pytest.mark.parametrize(
    ("watched", "verdict"),
    [
        (CALM, Verdict.NONE),
        (replace(CALM, age=WINDOW), Verdict.GOOD),
        (replace(CALM, crashed=True), Verdict.BAD),
        (replace(CALM, restarts=1), Verdict.NONE),
        (replace(CALM, restarts=3), Verdict.BAD),
        (replace(CALM, errors=60), Verdict.BAD),
        (replace(CALM, errors=60, errors_before=0.5), Verdict.NONE),
        (replace(CALM, errors=60, errors_before=0.5, age=WINDOW), Verdict.GOOD),
        (replace(CALM, requests=10, errors=10), Verdict.NONE),
    ],
)
def test_watch_window(watched: Watched, verdict: Verdict) -> None:
    judgement = judge(watched)
    assert judgement.verdict is verdict
    assert bool(judgement.reason) == (verdict is Verdict.BAD)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_grows_within_bounds(failures: int, jitter: float) -> None:
    assert 0.5 <= backoff(failures, jitter) <= 300
    assert backoff(failures + 1, 0.0) >= backoff(failures, 0.0)


def test_retention_keeps_what_can_be_rolled_back_to() -> None:
    def release(number: int, verdict: Verdict = Verdict.GOOD, leftovers: bool = False) -> ObservedRelease:
        return ObservedRelease(number, f"c{number}", Stage.PREPARED, verdict, leftovers=leftovers)

    observed = Observed(
        (
            release(1),
            release(2, leftovers=True),
            release(3),
            release(4),
            release(5),
            *(release(number, Verdict.BAD) for number in range(6, 12)),
            release(12),
        ),
        {"shop.localhost": 3},
    )
    assert releases_to_discard(observed, goal=12, keep=3) == (1, 6, 7, 8, 9)
