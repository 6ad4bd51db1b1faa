"""The store's contract, in memory and in a file (where every write is read back by a store opened anew)."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind, Process
from pullet.domain.conditions import Condition, ConditionType
from pullet.domain.errors import BuildFailed, NotFound, StoreError
from pullet.domain.healing import Change, ChangeKind, Heal
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision
from pullet.domain.release import Artifact, Candidate, Outcome, Release, Stage, Trigger, Verdict
from pullet.ports import Store
from pullet.store.releases import release_from_json, release_to_json
from pullet.store.sqlite import SqliteStore
from tests.fakes.clock import FakeClock

SHOP = EnvironmentKey("shop", "production")
STAGING = EnvironmentKey("shop", "staging")
SPEC = AppSpec(".", "3.12", Dependencies(DependencyKind.UV_LOCK, "uv.lock"), (Process("web", "run \udcff\x00"),))
ARTIFACT = Artifact("/tree", "/python", "digest", "3.12.1", "/lock")


def candidate(letter: str = "a", configuration: str = "c0") -> Candidate:
    return Candidate(Revision("main", letter * 40), configuration)


Reopen = Callable[[], Store]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "file"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Reopen]:
    """Gives the store; for the file a fresh connection each time, so nothing is only in memory."""
    stores: list[SqliteStore] = []

    def give() -> Store:
        if not stores or request.param == "file":
            for store in stores:
                store.close()
            path = tmp_path / "home" / "pullet.db" if request.param == "file" else None
            stores.append(SqliteStore(path, clock, keep_deployments=3, keep_events=5))
        return stores[-1]

    yield give
    for store in stores:
        store.close()


@pytest.fixture
def store(reopen: Reopen) -> Store:
    return reopen()


# Releases


def test_a_release_gets_the_next_number_and_an_equal_candidate_none(reopen: Reopen) -> None:
    first = reopen().releases.open(SHOP, candidate("a"))
    assert (first.id, first.stage, first.verdict) == (ReleaseId(SHOP, 1), Stage.OPENED, Verdict.NONE)
    assert reopen().releases.open(SHOP, candidate("a")) == first
    assert reopen().releases.open(SHOP, candidate("a", "c1")).id.number == 2
    assert reopen().releases.open(STAGING, candidate("a")).id == ReleaseId(STAGING, 1)


def test_numbers_are_never_used_twice(reopen: Reopen) -> None:
    first = reopen().releases.open(SHOP, candidate("a"))
    reopen().releases.mark_removed(first.id)
    again = reopen().releases.open(SHOP, candidate("a"))
    assert again.id.number == 2
    assert reopen().releases.of(SHOP) == (again,)
    assert reopen().releases.get(first.id) == first


def test_a_release_advances_but_never_goes_back(reopen: Reopen) -> None:
    opened = reopen().releases.open(SHOP, candidate())
    reopen().releases.advance(opened.id, Stage.RESOLVED, spec=SPEC, variables=(("A", "1"),))
    built = reopen().releases.advance(opened.id, Stage.BUILT, artifact=ARTIFACT)
    assert reopen().releases.advance(opened.id, Stage.RESOLVED) == built
    assert (built.stage, built.spec, built.artifact, built.variables) == (Stage.BUILT, SPEC, ARTIFACT, (("A", "1"),))
    assert reopen().releases.all() == (built,)


def test_a_heal_has_a_release_built_again(reopen: Reopen) -> None:
    opened = reopen().releases.open(SHOP, candidate())
    reopen().releases.advance(opened.id, Stage.PREPARED, spec=SPEC, artifact=ARTIFACT)
    heals = [Heal(Change(ChangeKind.PYTHON, version), "too new", "start") for version in ("3.12", "3.11")]
    for heal in heals:
        reopen().releases.heal(opened.id, heal)
    healed = reopen().releases.get(opened.id)
    assert (healed.stage, healed.spec, healed.artifact, healed.heals) == (Stage.RESOLVED, SPEC, None, tuple(heals))
    assert release_from_json(release_to_json(healed)) == healed
    fresh = reopen().releases.open(SHOP, candidate("b"))
    assert reopen().releases.heal(fresh.id, heals[0]).stage is Stage.OPENED


def test_a_bad_candidate_is_remembered_until_somebody_asks_for_another_try(reopen: Reopen) -> None:
    bad = reopen().releases.open(SHOP, candidate())
    assert reopen().releases.judge(bad.id, Verdict.BAD, "no answer").verdict is Verdict.BAD
    assert reopen().releases.failed(SHOP) == {candidate().id: "no answer"}
    reopen().releases.mark_removed(bad.id)
    assert reopen().releases.failed(SHOP) == {candidate().id: "no answer"}
    assert reopen().releases.failed(STAGING) == {}
    assert reopen().releases.retry(SHOP, candidate().id)
    assert reopen().releases.failed(SHOP) == {}
    assert not reopen().releases.retry(SHOP, candidate().id)


def test_opening_a_bad_candidate_gives_a_new_release(store: Store) -> None:
    bad = store.releases.open(SHOP, candidate())
    store.releases.judge(bad.id, Verdict.BAD)
    assert store.releases.open(SHOP, candidate()).id.number == 2
    found = store.releases.find(SHOP, candidate().id)
    assert found is not None
    assert found.id.number == 2
    assert store.releases.find(STAGING, candidate().id) is None


def test_which_release_is_live(reopen: Reopen) -> None:
    assert reopen().releases.live(SHOP) is None
    reopen().releases.set_live(SHOP, 3)
    assert reopen().releases.live(SHOP) == 3
    reopen().releases.set_live(SHOP, None)
    assert reopen().releases.live(SHOP) is None


def test_a_release_is_adopted_from_its_own_description(store: Store) -> None:
    release = Release(ReleaseId(SHOP, 7), candidate(), Stage.PREPARED, Verdict.GOOD, 1.5, SPEC, ARTIFACT, (("A", "1"),))
    store.releases.adopt(release_from_json(release_to_json(release)))
    store.releases.adopt(release)
    assert store.releases.of(SHOP) == (release,)
    assert store.releases.open(SHOP, candidate("b")).id.number == 8


def test_what_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="shop/production/9"):
        store.releases.get(ReleaseId(SHOP, 9))
    with pytest.raises(NotFound, match="shop/production/9"):
        store.releases.judge(ReleaseId(SHOP, 9), Verdict.BAD)
    with pytest.raises(NotFound, match="deployment 9 of shop/production"):
        store.deployments.get(SHOP, 9)


# Deployments


def begin(store: Store, release: int = 1, environment: EnvironmentKey = SHOP) -> int:
    return store.deployments.begin(environment, release, candidate().revision, Trigger.COMMIT).number


def test_every_step_is_kept_with_start_end_outcome_and_log(reopen: Reopen, clock: FakeClock) -> None:
    begin(reopen())
    running = reopen().deployments.get(SHOP, 1)
    reopen().deployments.step_started(running, "build", "build.log")
    clock.advance(2)
    reopen().deployments.step_finished(running, "build", Outcome.SUCCEEDED, "3 packages")
    reopen().deployments.step_started(running, "start")
    error = BuildFailed("It broke", context="line 3", hint="Mend it.")
    failed = reopen().deployments.finish(running, Outcome.FAILED, error)
    build, start = failed.steps
    assert (build.name, build.finished, build.outcome) == ("build", build.started + 2, Outcome.SUCCEEDED)
    assert (build.message, build.log) == ("3 packages", "build.log")
    assert (start.outcome, start.finished) == (Outcome.FAILED, clock.now())
    assert (failed.outcome, failed.finished) == (Outcome.FAILED, clock.now())
    assert (failed.error_code, failed.error, failed.context, failed.hint) == (
        "build-failed",
        "It broke",
        "line 3",
        "Mend it.",
    )
    assert (failed.release, failed.revision, failed.trigger) == (1, candidate().revision, Trigger.COMMIT)
    assert reopen().deployments.of(SHOP) == (failed,)


def test_one_deployment_of_an_environment_runs(store: Store) -> None:
    assert begin(store, release=1) == 1
    assert begin(store, release=1) == 1
    assert begin(store, release=1, environment=STAGING) == 1
    assert begin(store, release=2) == 2
    assert store.deployments.get(SHOP, 1).outcome is Outcome.SUPERSEDED
    current = store.deployments.current(SHOP)
    assert current is not None
    assert current.number == 2
    store.deployments.finish(current, Outcome.SUCCEEDED)
    assert store.deployments.current(SHOP) is None


def test_a_step_that_is_started_twice_is_one_step_and_a_repeated_one_two(store: Store) -> None:
    begin(store)
    running = store.deployments.get(SHOP, 1)
    store.deployments.step_started(running, "probe")
    store.deployments.step_started(running, "probe", "probe.log")
    store.deployments.step_finished(running, "probe", Outcome.FAILED)
    store.deployments.step_finished(running, "probe", Outcome.SUCCEEDED)
    store.deployments.step_started(running, "probe")
    steps = store.deployments.get(SHOP, 1).steps
    assert [(step.outcome, step.log) for step in steps] == [(Outcome.FAILED, "probe.log"), (Outcome.RUNNING, "")]


def test_what_ran_when_the_daemon_ended_was_interrupted(reopen: Reopen) -> None:
    begin(reopen())
    begin(reopen(), environment=STAGING)
    running = reopen().deployments.get(SHOP, 1)
    reopen().deployments.step_started(running, "build")
    interrupted = reopen().deployments.interrupt_running()
    assert {str(deployment.environment) for deployment in interrupted} == {"shop/production", "shop/staging"}
    assert [step.outcome for step in reopen().deployments.get(SHOP, 1).steps] == [Outcome.INTERRUPTED]
    assert reopen().deployments.interrupt_running() == ()


def test_a_success_may_turn_into_a_rollback(store: Store, clock: FakeClock) -> None:
    begin(store)
    succeeded = store.deployments.finish(store.deployments.get(SHOP, 1), Outcome.SUCCEEDED)
    clock.advance(20)
    rolled_back = store.deployments.finish(succeeded, Outcome.ROLLED_BACK, BuildFailed("crash loop"))
    assert (rolled_back.finished, rolled_back.error) == (succeeded.finished, "crash loop")


def test_only_the_newest_deployments_are_kept(store: Store) -> None:
    for release in range(1, 6):
        begin(store, release)
        store.deployments.step_started(store.deployments.get(SHOP, release), "build")
    assert [deployment.number for deployment in store.deployments.of(SHOP)] == [5, 4, 3]
    assert [deployment.number for deployment in store.deployments.of(SHOP, limit=1)] == [5]


# Conditions


def condition(kind: ConditionType, status: bool | None, since: float, message: str = "") -> Condition:
    return Condition(kind, status, "Reason", message, since)


def test_the_time_of_a_condition_stays_while_its_status_does(reopen: Reopen) -> None:
    reopen().conditions.set("shop/production", [condition(ConditionType.HEALTHY, True, 1)])
    same = reopen().conditions.set("shop/production", [condition(ConditionType.HEALTHY, True, 2, "still")])
    assert same == (condition(ConditionType.HEALTHY, True, 1, "still"),)
    other = reopen().conditions.set("shop/production", [condition(ConditionType.HEALTHY, None, 3)])
    assert other == reopen().conditions.of("shop/production") == (condition(ConditionType.HEALTHY, None, 3),)


def test_conditions_are_replaced_as_a_whole_and_come_in_order(store: Store) -> None:
    store.conditions.set("x", [condition(ConditionType.SUSPENDED, False, 1)])
    store.conditions.set("x", [condition(ConditionType.HEALTHY, True, 1), condition(ConditionType.READY, True, 1)])
    assert [one.type for one in store.conditions.of("x")] == [ConditionType.READY, ConditionType.HEALTHY]
    assert store.conditions.of("y") == ()
    assert store.conditions.set("x", []) == ()


# Events


def test_events_are_read_from_a_cursor_on(reopen: Reopen, clock: FakeClock) -> None:
    assert reopen().events.last() == 0
    first = reopen().events.append("Healed", "one", environment=SHOP, deployment=4)
    reopen().events.append("Started", "two \udcff")
    assert (first.at, first.environment, first.deployment) == (clock.now(), "shop/production", 4)
    assert [event.message for event in reopen().events.after()] == ["one", "two \\udcff"]
    assert [event.message for event in reopen().events.after(first.cursor)] == ["two \\udcff"]
    assert reopen().events.after(environment=SHOP) == (first,)
    last = reopen().events.last()
    assert reopen().events.after(last) == ()
    assert [event.message for event in reopen().events.after(999, limit=1)] == ["one"]


def test_only_the_newest_events_are_kept(store: Store) -> None:
    for number in range(9):
        store.events.append("Counted", str(number))
    assert [event.message for event in store.events.after()] == ["4", "5", "6", "7", "8"]
    assert [event.message for event in store.events.newest(limit=2)] == ["7", "8"]


# The file


def test_nobody_else_may_read_the_file(tmp_path: Path, clock: FakeClock) -> None:
    with SqliteStore(tmp_path / "p.db", clock) as store:
        store.events.append("X", "")
        assert {file.stat().st_mode & 0o77 for file in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize("damage", [b"this is no database at all, sorry" * 200, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, clock: FakeClock, damage: bytes) -> None:
    (tmp_path / "p.db").write_bytes(damage)
    (tmp_path / "p.db-wal").write_bytes(damage)
    with SqliteStore(tmp_path / "p.db", clock) as store:
        (event,) = store.events.after()
        assert event.kind == "StoreReplaced"
    (aside,) = (file for file in tmp_path.glob("p.db.damaged-*") if not file.name.endswith(("-wal", "-shm")))
    assert aside.read_bytes() == damage
    with SqliteStore(tmp_path / "p.db", clock) as store:
        assert len(store.events.after()) == 1


def test_damage_inside_is_found_on_opening(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "p.db"
    with SqliteStore(path, clock) as store:
        for number in range(500):
            store.events.append("X", str(number) * 50)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(8, size // 4096, 2):
            file.seek(page * 4096)
            file.write(b"\x13" * 2048)
    with SqliteStore(path, clock) as store:
        assert [event.kind for event in store.events.after()] == ["StoreReplaced"]


def test_a_file_of_a_newer_pullet_is_refused_and_left_as_it_is(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "p.db"
    SqliteStore(path, clock).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer Pullet"):
        SqliteStore(path, clock)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/p\.db"):
        SqliteStore(tmp_path / "file" / "p.db", clock)
    with pytest.raises(StoreError, match="cannot be used"):
        SqliteStore(tmp_path, clock)


def test_a_file_that_somebody_else_holds_is_trouble_not_damage(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "p.db"
    with SqliteStore(path, clock) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.events.append("X", "")
        other.execute("ROLLBACK")
        other.close()
        assert store.events.append("X", "").cursor == 1


WRITER = """
import sys, time
from pathlib import Path
from pullet.store.sqlite import SqliteStore
from pullet.domain.healing import Change, ChangeKind, Heal
from pullet.domain.identity import EnvironmentKey, Revision
from pullet.domain.release import Candidate, Stage, Trigger, Outcome

class Clock:
    now = monotonic = staticmethod(time.time)

store = SqliteStore(Path(sys.argv[1]), Clock())
store.deployments.interrupt_running()
shop = EnvironmentKey("shop", "production")
while True:
    cursor = store.events.last() + 1
    revision = Revision("main", f"{cursor:040x}")
    release = store.releases.open(shop, Candidate(revision, "c"))
    store.releases.advance(release.id, Stage.BUILT)
    deployment = store.deployments.begin(shop, release.id.number, revision, Trigger.COMMIT)
    store.deployments.step_started(deployment, "build")
    store.deployments.finish(deployment, Outcome.SUCCEEDED)
    print(store.events.append("Done", str(release.id.number)).cursor, release.id.number, flush=True)
"""


def test_a_kill_at_any_moment_loses_no_acknowledged_write(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "p.db"
    for number in range(10):
        acknowledged = _write_until_killed(path, lines=1 + number * 7)
        raw = sqlite3.connect(path)
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        raw.close()
        with SqliteStore(path, clock) as store:
            cursor, release = acknowledged[-1]
            assert store.events.last() in (cursor, cursor + 1)
            assert [event.message for event in store.events.after(cursor - 1, limit=1)] == [str(release)]
            assert store.releases.get(ReleaseId(SHOP, release)).stage is Stage.BUILT
            assert [one.id.number for one in store.releases.of(SHOP)][:release] == list(range(1, release + 1))


def _write_until_killed(path: Path, lines: int) -> list[tuple[int, int]]:
    """Kills the writer once it has acknowledged `lines` rounds, wherever it is then."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(lines)]
    time.sleep((time.perf_counter_ns() % 5) / 1000)  # somewhere inside a round, not always just after one
    os.kill(process.pid, signal.SIGKILL)
    seen += process.stdout.readlines()
    process.wait(10)
    process.stdout.close()
    return [(int(line.split()[0]), int(line.split()[1])) for line in seen if line.endswith("\n")]
