"""Backing services, copies of data, previews and schedules in a world of fakes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pullet.config import fleet_edit
from pullet.domain.errors import ServiceFailed
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId
from pullet.domain.release import Outcome
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from pullet.ports import RunResult
from pullet.reconcile.target import TargetLoop
from tests.fakes.services import FakeProvider
from tests.fakes.world import SHOP, Mortality, World, app, at_rest, run_until_killed
from tests.polling import until

_SERVICES = '[services.db]\ntype = "postgresql"\n[services.media]\ntype = "volume"\npath = "media"\n'
PREVIEW = EnvironmentKey("shop", "login")


@pytest.fixture
def db(world: World) -> FakeProvider:
    return world.providers[ServiceType.POSTGRESQL]


def shop(text: str = "one", more: str = "", release: str = "") -> dict[str, bytes | str]:
    return {**app(text, release), "pullet.toml": _SERVICES + more}


def live(world: World, key: EnvironmentKey = SHOP) -> str:
    target = world.router.targets.get(key.localhost)
    if target is None or target.release is None:
        return ""
    return (world.home.tree(target.release) / "app.py").read_text()


def grant_of(db: FakeProvider, key: EnvironmentKey) -> Grant:
    return db._provided(ServiceKey(key, "db"))


def with_previews(text: str) -> str:
    return fleet_edit.set_previews("shop", text, {"branches": ["*"], "clone_data_from": "production", "limit": 99})


async def test_processes_and_release_commands_are_given_what_services_give(world: World) -> None:
    world.repository.commit(shop(release="migrate"))
    async with world.daemon():
        await until(lambda: "one" in live(world))
    started = world.runtime.requests[InstanceId(ReleaseId(SHOP, 1), "web", 0)].workplace
    [migrated] = world.runtime.ran
    assert "DATABASE_URL" in dict(started.variables)
    assert migrated.workplace.variables == started.variables
    assert any(secret in dict(started.variables)["DATABASE_URL"] for secret in started.secrets)


async def test_what_the_owner_sets_wins(world: World) -> None:
    world.repository.commit(shop(more='[variables]\nDATABASE_URL = "postgresql://elsewhere/db"\n'))
    async with world.daemon():
        await until(lambda: "one" in live(world))
    started = world.runtime.requests[InstanceId(ReleaseId(SHOP, 1), "web", 0)].workplace
    assert dict(started.variables)["DATABASE_URL"] == "postgresql://elsewhere/db"


async def test_a_service_that_cannot_be_provided_leaves_the_old_release(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop("one"))
    async with world.daemon() as target:
        await until(lambda: "one" in live(world))
        await until(lambda: target.environments[SHOP].settled)
        db.failure = ServiceFailed("no room for databases")
        world.repository.commit(shop("two"))
        target.wake_sources()
        await until(lambda: world.store.deployments.of(SHOP)[0].outcome is Outcome.FAILED)
        assert "one" in live(world)
        target.environments[SHOP].wake()
        await until(lambda: "two" in live(world))  # it passed


async def test_down_keeps_the_data_and_up_has_them_again(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop())
    async with world.daemon() as target:
        await until(lambda: "one" in live(world))
        db.write(grant_of(db, SHOP), "row")
        text = world.fleet_text()
        world.fleet.edit_by_hand("shop", None)
        await target.refresh()
        await until(lambda: SHOP.localhost not in world.router.targets and not world.runtime.instances)
        assert db.read(grant_of(db, SHOP)) == {"row"}
        world.fleet.edit_by_hand("shop", text)
        await until(lambda: "one" in live(world))
    assert db.read(grant_of(db, SHOP)) == {"row"}


async def test_a_branch_has_an_environment_with_the_data_as_of_now(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop())
    async with world.daemon() as target:
        await until(lambda: "one" in live(world))
        db.write(grant_of(db, SHOP), "before")
        world.edit_fleet(with_previews)
        await target.refresh()
        world.repository.commit(shop("two", more='[release]\nsanitize = ["anonymise"]\n'), branch="login")
        target.wake_sources()
        await until(lambda: "two" in live(world, PREVIEW))
        db.write(grant_of(db, SHOP), "after")
        assert db.read(grant_of(db, PREVIEW)) == {"before"}
        assert world.runtime.commands == ["anonymise"]
        world.repository.commit(shop("three", more='[release]\nsanitize = ["anonymise"]\n'), branch="login")
        target.wake_sources()
        await until(lambda: "three" in live(world, PREVIEW))
        assert world.runtime.commands == ["anonymise"]  # once, after the copy
        assert db.read(grant_of(db, PREVIEW)) == {"before"}


async def test_a_preview_goes_with_its_branch_and_takes_its_data(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop())
    world.edit_fleet(with_previews)
    world.repository.commit(shop("two"), branch="login")
    async with world.daemon() as target:
        await until(lambda: "two" in live(world, PREVIEW) and "one" in live(world))
        del world.repository.heads["login"]
        target.wake_sources()
        await until(lambda: PREVIEW not in target.environments)
        assert {state.key.environment for state in await db.observe()} == {SHOP}
        assert PREVIEW.localhost not in world.router.targets
        assert "one" in live(world)


async def test_a_server_that_is_away_costs_no_preview(world: World, db: FakeProvider) -> None:
    """Also right after a restart, when nothing is known of the branches."""
    from pullet.domain.errors import SourceError

    world.repository.commit(shop())
    world.edit_fleet(with_previews)
    world.repository.commit(shop("two"), branch="login")
    async with world.daemon():
        await until(lambda: "two" in live(world, PREVIEW))
    world.repository.failure = SourceError("the server is down")
    async with world.daemon() as target:
        await until(lambda: _settled(target, SHOP))
        await target.refresh()
        assert "two" in live(world, PREVIEW)
        assert await db.observe(PREVIEW)
        world.repository.failure = None
        target.wake_sources()
        await until(lambda: PREVIEW in target.environments and target.environments[PREVIEW].settled)


async def test_data_that_were_not_sanitized_are_never_shown(world: World) -> None:
    world.repository.commit(shop())
    world.edit_fleet(with_previews)
    world.runtime.run_results["anonymise"] = RunResult(1, 0.1, "no")
    world.repository.commit(shop("two", more='[release]\nsanitize = ["anonymise"]\n'), branch="login")
    async with world.daemon() as target:
        await until(lambda: any(each.outcome is Outcome.FAILED for each in world.store.deployments.of(PREVIEW)))
        assert live(world, PREVIEW) == ""
        world.runtime.run_results.clear()
        world.repository.commit(shop("three", more='[release]\nsanitize = ["anonymise"]\n'), branch="login")
        target.wake_sources()
        await until(lambda: "three" in live(world, PREVIEW))
    assert world.runtime.commands == ["anonymise", "anonymise"]


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_any_effect_a_preview_ends_up_with_a_whole_copy(
    world: World, db: FakeProvider, after: bool
) -> None:
    world.repository.commit(shop())
    world.edit_fleet(with_previews)
    async with world.daemon():
        await until(lambda: "one" in live(world))
        db.write(grant_of(db, SHOP), "row")
    for effect in range(1, 40):
        branch = f"b{effect}"
        key = EnvironmentKey("shop", branch)
        world.repository.commit(shop(branch, more='[release]\nsanitize = ["anonymise"]\n'), branch=branch)
        world.mortality = Mortality(effect, after=after)
        survived = await run_until_killed(world, partial(_lives, world, key, branch))
        world.mortality = None
        async with world.daemon() as target:
            await until(partial(_lives, world, key, branch))
            await until(partial(_settled, target, key))
        assert db.read(grant_of(db, key)) == {"row"}
        assert "anonymise" in world.runtime.commands
        world.runtime.commands.clear()
        await _without(world, branch, key)  # else every next daemon has one more to look after
        if survived:
            break
    assert effect >= 9


async def _without(world: World, branch: str, key: EnvironmentKey) -> None:
    del world.repository.heads[branch]
    async with world.daemon() as target:
        await until(lambda: key not in target.environments and SHOP in target.environments)


def _lives(world: World, key: EnvironmentKey, text: str) -> bool:
    return text in live(world, key)


def _settled(target: TargetLoop, key: EnvironmentKey) -> bool:
    return key in target.environments and target.environments[key].settled


async def test_a_schedule_runs_when_it_is_due_and_once_for_all_that_was_missed(world: World) -> None:
    tick = '[schedule.tick]\ncron = "* * * * *"\ncommand = "tick"\n'
    world.repository.commit(shop(more=tick))
    async with world.daemon() as target:
        await until(lambda: "one" in live(world) and at_rest(world, target))
    assert world.runtime.commands == []
    first = world.clock.now()
    async with world.daemon() as target:
        await until(lambda: at_rest(world, target))
    world.store.runs.begin(str(SHOP), "tick", first)
    world.clock.advance(3600)
    world.runtime.run_results["tick"] = RunResult(3, 0.1, "oh no")
    async with world.daemon():
        await until(lambda: len(world.store.runs.of(str(SHOP))) == 2 and world.store.runs.of(str(SHOP))[0].finished)
    run = world.store.runs.of(str(SHOP))[0]
    assert (world.runtime.commands, run.exit_code) == (["tick"], 3)
    assert first + 3600 - 60 <= run.due <= first + 3600
    assert "oh no" in Path(run.log).read_text()
    assert any(event.kind == "schedule" for event in world.store.events.newest())


async def test_a_volume_appears_in_the_tree_and_is_no_drift(world: World) -> None:
    volume = world.providers[ServiceType.VOLUME]
    folder = world.home.root / "elsewhere"
    folder.mkdir()

    async def provide(key: ServiceKey, spec: ServiceSpec) -> Grant:
        return Grant(folders=(str(folder),), links=((spec.path, str(folder)),))

    volume.provide = provide  # type: ignore[method-assign]
    world.repository.commit({**shop(), "media/seed.txt": "from the commit"})
    async with world.daemon() as target:
        await until(lambda: "one" in live(world) and at_rest(world, target))
        media = world.home.tree(ReleaseId(SHOP, 1)) / "media"
        assert media.readlink() == folder
        assert ("seed", ServiceKey(SHOP, "media")) in volume.calls
        target.environments[SHOP].wake()
        await until(lambda: target.environments[SHOP].settled)
        assert media.is_symlink()
        assert not any(event.kind == "drift" for event in world.store.events.newest())
    assert world.runtime.requests[InstanceId(ReleaseId(SHOP, 1), "web", 0)].workplace.folders == (str(folder),)


async def test_a_service_that_is_taken_out_of_pullet_toml_keeps_its_data(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop())
    async with world.daemon() as target:
        await until(lambda: "one" in live(world))
        db.write(grant_of(db, SHOP), "row")
        world.repository.commit(app("two"))
        target.wake_sources()
        await until(lambda: "two" in live(world) and at_rest(world, target))
    assert db.read(grant_of(db, SHOP)) == {"row"}


async def test_a_preview_without_commits_for_too_long_goes(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop())
    world.edit_fleet(
        lambda text: fleet_edit.set_previews("shop", text, {"clone_data_from": "production", "expire_after": "1d"})
    )
    world.repository.commit(shop("two"), branch="login")
    async with world.daemon() as target:
        await until(lambda: "two" in live(world, PREVIEW))
        world.clock.advance(86_401)
        await until(lambda: PREVIEW not in target.environments)
        assert {state.key.environment for state in await db.observe()} == {SHOP}
        world.repository.commit(shop("three"), branch="login")
        target.wake_sources()
        await until(lambda: "three" in live(world, PREVIEW))


async def test_what_a_migration_could_spoil_is_kept_and_offered(world: World, db: FakeProvider) -> None:
    world.repository.commit(shop(release="migrate"))
    async with world.daemon() as target:
        await until(lambda: "one" in live(world) and at_rest(world, target))
        db.write(grant_of(db, SHOP), "row")
        world.runtime.run_results["migrate"] = RunResult(1, 0.1, "spoilt")
        world.repository.commit(shop("two", release="migrate"))
        target.wake_sources()
        await until(lambda: world.store.deployments.of(SHOP)[0].outcome is Outcome.FAILED)
    assert "--snapshot" in world.store.deployments.of(SHOP)[0].hint
    [kept] = world.home.snapshots.glob("shop/production/2/db")
    assert (kept / "records" / "row").exists()


async def test_what_makes_the_tables_runs_once_and_only_on_new_data(world: World) -> None:
    first = '[release]\nfirst = ["make-tables"]\n'
    world.fleet.edit_by_hand("shop", with_previews(world.fleet_text()))
    world.repository.commit(shop("one", more=first))
    async with world.daemon() as target:
        await until(lambda: "one" in live(world))
        assert ran(world) == ["make-tables"]
        world.repository.commit(shop("two", more=first))
        world.repository.commit(shop("branch", more=first), branch="login")
        target.wake_sources()
        await until(lambda: "two" in live(world) and "branch" in live(world, PREVIEW))
    assert ran(world) == ["make-tables"]  # neither on data that are there, nor on a copy of them


async def test_data_that_were_restored_are_not_new(world: World, db: FakeProvider) -> None:
    await db.provide(ServiceKey(SHOP, "db"), ServiceSpec("db", ServiceType.POSTGRESQL))
    world.repository.commit(shop("one", more='[release]\nfirst = ["make-tables"]\n'))
    async with world.daemon():
        await until(lambda: "one" in live(world))
    assert ran(world) == []


async def test_what_makes_the_tables_is_tried_again_where_it_failed(world: World) -> None:
    world.runtime.run_results["make-tables"] = RunResult(1, 0.1, "no")
    world.repository.commit(shop("one", more='[release]\nfirst = ["make-tables"]\n'))
    async with world.daemon() as target:
        await until(lambda: [each.outcome for each in world.store.deployments.of(SHOP)][:1] == [Outcome.FAILED])
        del world.runtime.run_results["make-tables"]
        world.repository.commit(shop("two", more='[release]\nfirst = ["make-tables"]\n'))
        target.wake_sources()
        await until(lambda: "two" in live(world))
    assert ran(world) == ["make-tables", "make-tables"]


async def test_without_data_that_outlive_releases_each_begins_anew(world: World) -> None:
    toml = '[release]\nfirst = ["make-tables"]\n'
    world.repository.commit({**app("one"), "pullet.toml": toml})
    async with world.daemon() as target:
        await until(lambda: "one" in live(world))
        world.repository.commit({**app("two"), "pullet.toml": toml})
        target.wake_sources()
        await until(lambda: "two" in live(world))
    assert ran(world) == ["make-tables", "make-tables"]


def ran(world: World) -> list[str]:
    return [request.command for request in world.runtime.ran]
