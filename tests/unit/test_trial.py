"""A release is tried out on services of its own, and nothing of that is left: in a world of fakes."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from pullet.analysis.security.outside import outside_services
from pullet.config import fleet_edit
from pullet.config.fleet_file import parse_fleet_file
from pullet.domain.app import Schedule
from pullet.domain.backup import BackupReason, Retention
from pullet.domain.errors import ConfigError, ServiceFailed
from pullet.domain.hosts import HostForm, with_host
from pullet.domain.identity import EnvironmentKey, ReleaseId, is_trial, preview_name, trial_of
from pullet.domain.release import Outcome
from pullet.domain.runtime import StartRequest
from pullet.domain.security import Coverage, EngineReport, PartState
from pullet.domain.services import ServiceType
from pullet.ports import LogSink, RunResult
from pullet.ports.assessing import Examined, Subject
from pullet.reconcile import trial
from pullet.reconcile.assessing import LIVE
from pullet.reconcile.safekeeping import BackupPlan, Safekeeping
from pullet.reconcile.services import Services
from tests.fakes.backups import FakeBackups
from tests.fakes.world import SHOP, Mortality, World, app, at_rest, run_until_killed
from tests.polling import until

_GATE = """
[gates.security]
fail_on = "high"
"""
_SERVICES = """
[services.db]
type = "postgresql"
[services.media]
type = "volume"
path = "media"
"""
_SECRETS = """
[secrets]
generated = ["SECRET_KEY"]
"""


class FakeAssessor:
    """Notes what there is of a trial while it is looked at; `held` keeps it looking."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.looked: list[str] = []
        self.found: list[StartRequest] = []
        self.services: set[str] = set()
        self.variables: dict[str, str] = {}
        self.most = 0
        self.held: asyncio.Event | None = None

    async def examine(self, subject: Subject, log: LogSink) -> Examined:
        self.looked.append(subject.url)
        self.variables = dict(subject.variables)
        trials = [each for each in self._world.runtime.instances if is_trial(each.release.environment)]
        self.found += [self._world.runtime.requests[each] for each in trials]
        self.most = max(self.most, len(trials))
        for provider in self._world.providers.values():
            states = await provider.observe()
            self.services |= {state.key.name for state in states if is_trial(state.key.environment)}
        if self.held is not None:
            await self.held.wait()
        files = EngineReport("files", coverage=(Coverage("files", 1, 1),))
        if not subject.url:
            return Examined((files,), ((LIVE, "no URL was given"),))
        return Examined((files, EngineReport(LIVE, coverage=(Coverage("routes", 1, 1),))))

    async def refresh(self) -> None:
        """There is nothing to poll."""


@pytest.fixture
def assessor(world: World) -> FakeAssessor:
    world.assessor = assessor = FakeAssessor(world)
    return assessor


def shop(
    text: str = "one", more: str = _GATE + _SERVICES + _SECRETS, release: str = "migrate"
) -> dict[str, bytes | str]:
    return {**app(text, release), "pullet.toml": more}


async def leftovers(world: World) -> list[str]:
    """Whatever there is of any trial, wherever."""
    keys = [instance.release.environment for instance in world.runtime.instances]
    for provider in world.providers.values():
        keys += [state.key.environment for state in await provider.observe()]
    keys += [environment for environment, _ in world.secrets._made]
    places = [str(path) for path in world.home.root.rglob("trial-*")]
    hosts = [host for host in world.router.targets if host.startswith("trial-")]
    return [*(str(key) for key in keys if is_trial(key)), *places, *hosts]


def latest(world: World) -> tuple[Outcome, str]:
    newest = world.store.deployments.of(SHOP)[0]
    return newest.outcome, newest.error_code


async def test_it_runs_on_services_of_its_own_and_leaves_nothing(world: World, assessor: FakeAssessor) -> None:
    world.repository.commit(shop())
    async with world.daemon():
        await until(lambda: "one" in world.live_text)
    [url] = assessor.looked
    assert url.startswith("http://trial-")
    [tried] = assessor.found
    live = next(each for each in world.runtime.requests.values() if each.id.release.environment == SHOP)
    mine, others = dict(tried.workplace.variables), dict(live.workplace.variables)
    assert mine["DATABASE_URL"] != others["DATABASE_URL"]
    assert mine["SECRET_KEY"] != others["SECRET_KEY"]
    assert assessor.variables["SECRET_KEY"] == mine["SECRET_KEY"], "a scan logs in to the copy, not to what is live"
    assert assessor.services == {"db", "media"}
    assert world.runtime.commands == ["migrate", "migrate"]
    assert world.runtime.ran[0].workplace.variables == tried.workplace.variables
    assert str(world.home.environment(SHOP)) not in tried.workplace.tree
    assert await leftovers(world) == []


async def test_its_name_cannot_be_told_beforehand(world: World, assessor: FakeAssessor) -> None:
    world.repository.commit(shop())
    async with world.daemon():
        await until(lambda: "one" in world.live_text)
    guessable = {trial_of(request.id.release, "").localhost for request in world.runtime.requests.values()}
    assert not any(host in assessor.looked[0] for host in guessable)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (_SERVICES, "only started where [gates.security] is declared"),
        (_GATE + "live = false\n" + _SERVICES, "left out by configuration"),
    ],
)
async def test_why_none_is_started_is_said(world: World, assessor: FakeAssessor, more: str, why: str) -> None:
    world.repository.commit(shop(more=more, release=""))
    async with world.daemon():
        await until(lambda: world.store.assessments.of(SHOP))
    [_, assessment] = world.store.assessments.of(SHOP)[0]
    [[part, told]] = assessment.left_out
    assert (part, why in told, assessment.state) == (LIVE, True, PartState.PASSED)
    assert assessor.looked == [""]
    assert assessor.found == []


async def test_the_base_asks_for_it_where_a_commit_does_not(world: World, assessor: FakeAssessor) -> None:
    world.repository.commit(shop())
    async with world.daemon() as target:
        await until(lambda: "one" in world.live_text)
        world.repository.commit(shop("two", _GATE + "live = false\n"))
        target.wake_sources()
        await until(lambda: "two" in world.live_text)
    assert all(assessor.looked)
    assert len(assessor.looked) == 2


async def test_what_does_not_start_is_not_assessed_and_holds_back(world: World, assessor: FakeAssessor) -> None:
    world.runtime.run_results["migrate"] = RunResult(1, 0.1, "no such table")
    world.repository.commit(shop())
    async with world.daemon():
        await until(lambda: latest_is(world, Outcome.FAILED))
        assert latest(world)[1] == "gate-failed"
    [_, assessment] = world.store.assessments.of(SHOP)[0]
    [part] = [part for part in assessment.parts if part.report.part == LIVE]
    assert part.state is PartState.NOT_ASSESSED
    assert "no such table" in part.why
    assert await leftovers(world) == []


async def test_data_of_somebody_else_are_left_alone(world: World, assessor: FakeAssessor) -> None:
    world.repository.commit(shop(more=_GATE + '[variables]\nORDERS_DSN = "mysql+pymysql://root:pw@elsewhere/orders"\n'))
    async with world.daemon():
        await until(lambda: latest_is(world, Outcome.FAILED))
    [_, assessment] = world.store.assessments.of(SHOP)[0]
    [part] = [part for part in assessment.parts if part.report.part == LIVE]
    assert "ORDERS_DSN" in part.why
    assert "root:pw" not in part.why
    assert world.runtime.commands == []
    assert assessor.found == []


async def test_what_cannot_be_removed_is_removed_later(
    world: World, assessor: FakeAssessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_SWEEP", 0.05)
    assessor.held = asyncio.Event()
    world.repository.commit(shop())
    async with world.daemon():
        await until(lambda: assessor.looked)
        world.providers[ServiceType.POSTGRESQL].failure = ServiceFailed("the server is away")
        assessor.held.set()
        await until(lambda: "one" in world.live_text)
        await until_clear(world)
    assert any("the server is away" in event.message for event in world.store.events.newest())


async def test_what_can_never_be_removed_is_told_once(
    world: World, assessor: FakeAssessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_SWEEP", 0.01)
    tries = []

    async def refuse(key: EnvironmentKey) -> None:
        tries.append(key)
        raise ServiceFailed("never")

    neighbours = world.neighbours()
    monkeypatch.setattr(neighbours.services, "remove", refuse)
    name = trial_of(ReleaseId(SHOP, 1), "secret").name
    (world.home.releases / "shop" / name).mkdir(parents=True)
    (world.home.releases / "shop" / "No name of ours").mkdir()
    task = asyncio.create_task(trial.Trials(neighbours).keep_clear())
    await until(lambda: len(tries) > 3)
    task.cancel()
    assert sum("never" in event.message for event in world.store.events.newest()) == 1


async def test_a_sweep_spares_the_trial_that_is_under_way(
    world: World, assessor: FakeAssessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_SWEEP", 0.01)
    assessor.held = asyncio.Event()
    world.repository.commit(shop())
    async with world.daemon():
        await until(lambda: assessor.looked)
        await asyncio.sleep(0.1)
        assert any(host.startswith("trial-") for host in world.router.targets)
        assessor.held.set()
        await until(lambda: "one" in world.live_text)


async def test_a_newer_commit_ends_the_trial(world: World, assessor: FakeAssessor) -> None:
    assessor.held = asyncio.Event()
    world.repository.commit(shop())
    async with world.daemon() as target:
        await until(lambda: assessor.looked)
        world.repository.commit(shop("two"))
        target.wake_sources()
        await until(lambda: len(assessor.looked) == 2)
        assessor.held.set()
        await until(lambda: "two" in world.live_text)
    assert assessor.most == 1
    assert await leftovers(world) == []


async def test_a_backup_meanwhile_has_nothing_of_it(world: World, assessor: FakeAssessor, tmp_path: Path) -> None:
    world.repository.commit(shop())
    async with world.daemon() as target:
        await until(lambda: "one" in world.live_text)
        assessor.held = asyncio.Event()
        world.repository.commit(shop("two"))
        target.wake_sources()
        await until(lambda: len(assessor.looked) == 2)
        backups, plan = (
            FakeBackups(tmp_path, "key"),
            BackupPlan("box", Schedule("backup", "0 3 * * *", ""), Retention()),
        )
        services = Services(world.providers.values())
        keeping = Safekeeping(world.home, world.clock, world.store, services, backups, plan)
        made = await keeping.everything(BackupReason.MANUAL)
        kept = (await backups.manifest(made.id)).services
    assert {(each.key.environment, each.key.name) for each in kept} == {(SHOP, "db"), (SHOP, "media")}


async def test_one_at_a_time(world: World, assessor: FakeAssessor) -> None:
    world.edit_fleet(partial(fleet_edit.set_previews, "shop", changes={"branches": ["*"], "limit": 9}))
    for branch in ("main", "one", "two", "three"):
        world.repository.commit(shop(branch), branch=branch)
    async with world.daemon():
        await until(lambda: len(assessor.looked) == 4)
        await until_clear(world)
    assert assessor.most == 1


@pytest.mark.parametrize("after", [False, True])
async def test_a_kill_at_any_moment_leaves_nothing(world: World, assessor: FakeAssessor, after: bool) -> None:
    for effect in range(1, 60):
        world.repository.commit(shop(f"text {effect}"))
        world.mortality = Mortality(effect, after=after)
        survived = await run_until_killed(world, partial(_is_live, world, f"text {effect}"))
        world.mortality = None
        async with world.daemon() as target:
            await until(partial(_is_live, world, f"text {effect}"))
            await until(partial(at_rest, world, target))
            await until_clear(world)
        if survived:
            break
    assert effect >= 15


def _is_live(world: World, text: str) -> bool:
    return text in world.live_text


def latest_is(world: World, outcome: Outcome) -> bool:
    found = world.store.deployments.of(SHOP)
    return bool(found) and found[0].outcome is outcome


async def until_clear(world: World) -> None:
    for _ in range(500):
        if not (left := await leftovers(world)):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(left)


def test_no_environment_has_such_a_name() -> None:
    name = trial_of(ReleaseId(SHOP, 1), "secret").name
    file = f'[source]\nurl = "/srv/shop"\n[environments.{name}]\nbranch = "main"\n'
    with pytest.raises(ConfigError, match="throw-away"):
        parse_fleet_file("shop", file)
    assert not is_trial(EnvironmentKey("shop", preview_name("shop", name)))


@pytest.mark.parametrize(
    ("value", "form", "after"),
    [
        ("a.example.org", HostForm.ONE, "t.localhost"),
        ("a.example.org,b.localhost", HostForm.COMMAS, "a.example.org,b.localhost,t.localhost"),
        ("", HostForm.COMMAS, "t.localhost"),
        ("a.example.org", HostForm.SPACES, "a.example.org t.localhost"),
        ("https://a.example.org", HostForm.ORIGINS, "https://a.example.org,https://t.localhost,http://t.localhost"),
        ("False", HostForm.NO_REDIRECT, "False"),
    ],
)
def test_an_app_answers_to_the_name_of_its_trial(value: str, form: HostForm, after: str) -> None:
    assert with_host(value, "t.localhost", form) == after


@pytest.mark.parametrize(
    ("name", "value", "outside"),
    [
        ("DATABASE_URL", "postgresql://user:pw@db.example.org/shop", True),
        ("DATABASE_URL", "postgresql+psycopg2://localhost/shop", True),
        ("CACHES", '{"default": "rediss://cache.example.org:6379/0"}', True),
        ("JDBC", "jdbc:postgresql://db.example.org/shop", True),
        ("SHOP_DB_HOST", "10.0.0.5", True),
        ("pghost", "/run/postgresql", True),
        ("DATABASE_URL", "sqlite:///data.db", False),
        ("DB_HOST", "", False),
        ("DB_NAME", "shop", False),
        ("ALLOWED_HOSTS", "shop.example.org", False),
        ("SITE", "https://shop.example.org/postgres", False),
        ("DATABASE_URL", "postgresql:///shop", True),
    ],
)
def test_addresses_of_other_services(name: str, value: str, outside: bool) -> None:
    assert outside_services({name: value, "DEBUG": "no"}) == ((name,) if outside else ())
