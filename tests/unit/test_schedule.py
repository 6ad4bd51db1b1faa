"""When schedules are due: time zones, gaps and overlaps, downtimes, clocks that jump."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullet.domain.app import Schedule
from pullet.planner.schedule import due, next_run

VIENNA = "Europe/Vienna"
YEAR = 366 * 86400.0


def schedule(cron: str, zone: str = VIENNA) -> Schedule:
    return Schedule("job", cron, "true", zone)


def at(text: str, zone: str = VIENNA, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def runs(job: Schedule, after: float, count: int) -> list[str]:
    """In UTC, as text."""
    moments = []
    for _ in range(count):
        after = next_run(job, after)
        moments.append(datetime.fromtimestamp(after, UTC).strftime("%m-%d %H:%M"))
    return moments


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # the clock goes from 02:00 to 03:00 (01:00 UTC) on 29 March 2026
        ("30 2 * * *", "2026-03-28 00:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("0,30 2 * * *", "2026-03-29 00:00", ["03-29 01:00", "03-30 00:00"]),
        ("30 * * * *", "2026-03-29 01:00", ["03-29 00:30", "03-29 01:30"]),
        # and from 03:00 back to 02:00 (01:00 UTC) on 25 October 2026
        ("30 2 * * *", "2026-10-24 12:00", ["10-25 00:30", "10-26 01:30"]),
        ("30 * * * *", "2026-10-25 02:00", ["10-25 00:30", "10-25 01:30", "10-25 02:30"]),
        ("@daily", "2026-10-24 12:00", ["10-24 22:00", "10-25 23:00"]),
    ],
)
def test_where_clocks_change(cron: str, after: str, expected: list[str]) -> None:
    assert runs(schedule(cron), at(after), len(expected)) == expected


def test_the_second_pass_of_a_repeated_hour_repeats_no_run() -> None:
    job = schedule("45 2 * * *")
    first = at("2026-10-25 02:45")
    assert next_run(job, at("2026-10-25 02:10", fold=1)) == at("2026-10-26 02:45")
    assert due(job, first - 60, at("2026-10-25 02:10", fold=1)) == first
    assert due(job, first, at("2026-10-25 02:50", fold=1)) is None


def test_shorthands() -> None:
    assert runs(schedule("@weekly", "UTC"), at("2026-11-23 00:00", "UTC"), 1) == ["11-29 00:00"]
    assert runs(schedule("@yearly", "Asia/Tokyo"), at("2026-11-23 00:00", "UTC"), 1) == ["12-31 15:00"]


def test_a_downtime_is_made_good_once() -> None:
    job = schedule("0 3 * * *")
    now = at("2026-11-23 08:00")
    latest = due(job, at("2026-11-01 03:00"), now)
    assert latest == at("2026-11-23 03:00")
    assert due(job, latest, now) is None


def test_due_at_the_very_moment() -> None:
    job, moment = schedule("0 3 * * *"), at("2026-11-23 03:00")
    assert due(job, moment - 1, moment) == moment
    assert due(job, moment - 0.5, moment - 0.001) is None
    assert due(job, moment, moment + 0.5) is None


def test_a_clock_that_jumps_back_repeats_nothing() -> None:
    job, moment = schedule("*/5 * * * *"), at("2026-11-23 03:00")
    assert due(job, moment, moment - 3600) is None
    assert due(job, moment, moment + 299) is None
    assert due(job, moment, moment + 300) == moment + 300


@pytest.mark.parametrize("cron", ["* * * * *", "0 0 29 2 *", "* * * 1 *", "0 0 29 2 */7", "59 23 31 12 *"])
def test_years_of_downtime_cost_few_steps(cron: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    def counting(job: Schedule, after: float) -> float:
        nonlocal steps
        steps += 1
        return next_run(job, after)

    monkeypatch.setattr("pullet.planner.schedule.next_run", counting)
    assert due(schedule(cron), 0.0, at("2026-11-23 08:00")) is not None
    assert steps < 50


def test_a_rare_date() -> None:
    # 29 February, where it is a Sunday
    assert next_run(schedule("0 0 29 2 */7", "UTC"), at("2026-01-01 00:00", "UTC")) < math.inf


ZONES = st.sampled_from([VIENNA, "UTC", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"])
FIELD = {
    "minute": st.sampled_from(["0", "30", "*/7", "*", "5,35", "59"]),
    "hour": st.sampled_from(["0", "1", "2", "3", "*", "*/5", "1-3", "23"]),
    "day": st.sampled_from(["*", "1", "29", "31", "*/10"]),
    "month": st.sampled_from(["*", "3", "10", "MAR-NOV"]),
    "weekday": st.sampled_from(["*", "0", "SUN", "MON-FRI", "6"]),
}
CRONS = st.builds(lambda *fields: " ".join(fields), *FIELD.values())
# from 2005 on, so that Apia's lost day and Sao Paulo's midnight changes are met
MOMENTS = st.floats(1.1e9, 1.9e9) | st.sampled_from(
    [at("2026-03-29 01:59"), at("2026-10-25 02:30", fold=1), at("2011-12-29 23:30", "Pacific/Apia")]
)


@pytest.mark.parametrize(
    ("cron", "local"),
    [
        ("0 */5 */10 10 0", "2012-10-21 05:00"),
        ("0 * */10 10 0", "2012-10-21 01:00"),
        ("0 0 */10 10 0", "2012-10-21 01:00"),  # at a fixed time of day, so once on that day too
    ],
)
def test_a_midnight_that_clocks_skip_is_due_the_same_from_near_and_from_afar(cron: str, local: str) -> None:
    zone = "America/Sao_Paulo"  # 2012-10-21 began at 01:00
    found = at(local, zone)
    gap = at("2012-10-21 01:00", zone)
    for before in (gap - 400 * 86400, gap - 3600, gap - 1):
        assert next_run(schedule(cron, zone), before) == found


@given(CRONS, ZONES, MOMENTS)
@settings(deadline=None, max_examples=150)
def test_the_next_run_is_later_and_nothing_lies_between(cron: str, zone: str, after: float) -> None:
    job = schedule(cron, zone)
    found = next_run(job, after)
    assert found > after
    assert next_run(job, found - 1) == found
    assert next_run(job, (after + found) / 2) == found


@given(CRONS, ZONES, MOMENTS, st.floats(0, 10 * YEAR))
@settings(deadline=None, max_examples=150)
def test_due_is_the_latest_moment_of_the_interval(cron: str, zone: str, last: float, length: float) -> None:
    job, now = schedule(cron, zone), last + length
    found = due(job, last, now)
    if found is None:
        assert length == 0 or next_run(job, last) > now
    else:
        assert last < found <= now < next_run(job, found)
        assert due(job, found, now) is None


@given(CRONS, ZONES, MOMENTS, st.lists(st.floats(-7200, 86400), max_size=30))
@settings(deadline=None, max_examples=50)
def test_no_moment_is_due_twice_however_the_clock_jumps(cron: str, zone: str, start: float, jumps: list[float]) -> None:
    job, last, now = schedule(cron, zone), start, start
    seen: list[float] = []
    for jump in jumps:
        now += jump
        if (found := due(job, last, now)) is not None:
            seen.append(found)
            last = found
    assert seen == sorted(set(seen))
