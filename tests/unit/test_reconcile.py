"""The loops in a world of fakes: the whole target runs, and a kill after any effect changes nothing about the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pullet.config import fleet_edit
from pullet.domain.conditions import ConditionType
from pullet.domain.errors import BuildFailed, ProbeFailed, Retry
from pullet.domain.fleet import Hold
from pullet.domain.identity import InstanceId, ReleaseId
from pullet.domain.release import Outcome, Trigger, Verdict
from pullet.domain.runtime import Phase
from pullet.planner.watch import WINDOW
from pullet.ports import RunResult
from pullet.reconcile.environment import CHECK_INTERVAL
from pullet.reconcile.target import TargetLoop
from pullet.store.sqlite import SqliteStore
from tests.fakes.world import HOST, SHOP, Mortality, World, app, at_rest, run_until_killed
from tests.polling import until


def serves(world: World, text: str) -> Callable[[], bool]:
    return lambda: text in world.live_text


async def push(world: World, target: TargetLoop, text: str, **more: str) -> str:
    sha = world.repository.commit(app(text, **more))
    target.wake_sources()
    return sha


def hold(world: World, revision: str, skip: str, release: int) -> None:
    text = fleet_edit.set_rollback("shop", world.fleet_text(), "production", Hold(revision, (skip,), release))
    world.fleet.edit_by_hand("shop", text)


async def test_a_commit_becomes_a_live_release_and_the_next_replaces_it(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await push(world, target, "two")
        await until(serves(world, "two"))
        await until(lambda: world.alive == {2})
    assert [d.outcome for d in world.store.deployments.of(SHOP)] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    assert [step.name for step in world.store.deployments.get(SHOP, 2).steps][:7] == [
        "resolve", "build", "check", "prepare", "start", "probe", "switch",
    ]  # fmt: skip


async def test_a_page_is_there_before_anything_is_live(world: World) -> None:
    world.repository.commit(app())
    world.prober.default = ProbeFailed("no answer")
    async with world.daemon():
        await until(lambda: world.live_text == "shop is not live")


@pytest.mark.parametrize("trouble", ["build", "release command", "start", "probe"])
async def test_a_failure_before_the_switch_leaves_the_old_release(world: World, trouble: str) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        if trouble == "build":
            files = app("two") | {"pullet.toml": '[build]\ncommands = ["false"]\n'}
            world.repository.commit(files)
        else:
            world.repository.commit(app("two", release="migrate"))
        if trouble == "release command":
            world.runtime.run_results["migrate"] = RunResult(1, 0.1, "no such table")
        if trouble == "start":
            world.runtime.fail_start = BuildFailed("it exits at once")
        if trouble == "probe":
            world.prober.answers["/fake/shop/production/2/web.0.sock"] = 500
        target.wake_sources()
        if trouble == "probe":
            await until(lambda: any("production/2/" in socket for socket, _, _ in world.prober.asked))
            world.clock.advance(60)
        await until(lambda: world.store.deployments.of(SHOP)[0].outcome is Outcome.FAILED)
        await until(lambda: world.alive == {1})
        await until(lambda: target.environments[SHOP].settled)
        assert "one" in world.live_text
        assert world.store.deployments.of(SHOP)[0].error
        deployed = {c.type: c for c in target.environments[SHOP].conditions}[ConditionType.DEPLOYED]
        assert (deployed.status, deployed.reason) == (False, "DeploymentFailed")

        world.runtime.fail_start = None
        await push(world, target, "three")
        await until(serves(world, "three"))


async def test_a_failed_revision_is_said_to_have_failed_also_after_a_heal(world: World) -> None:
    """A new process has a new socket, so the route is switched, and that is a deployment of its own."""
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        world.repository.commit(app("two") | {"pullet.toml": '[build]\ncommands = ["false"]\n'})
        target.wake_sources()
        await until(lambda: world.store.deployments.of(SHOP)[0].outcome is Outcome.FAILED)
        await until(lambda: target.environments[SHOP].settled)
        world.runtime.instances.clear()
        world.router.targets[HOST] = replace(world.router.targets[HOST], sockets=())
        target.environments[SHOP].wake()
        await until(lambda: world.store.deployments.of(SHOP)[0].outcome is Outcome.SUCCEEDED)
        await until(lambda: target.environments[SHOP].settled and "one" in world.live_text)
        deployed = next(each for each in target.environments[SHOP].conditions if each.type is ConditionType.DEPLOYED)
    assert (deployed.status, deployed.reason) == (False, "DeploymentFailed")


async def test_trouble_that_may_pass_is_tried_again(world: World) -> None:
    world.repository.commit(app("one"))
    world.runtime.fail_start = BuildFailed("the index does not answer", retry=Retry.BACKOFF)
    async with world.daemon() as target:
        await until(lambda: [d.outcome for d in world.store.deployments.of(SHOP)] == [Outcome.FAILED])
        world.runtime.fail_start = None
        target.environments[SHOP].wake()
        await until(serves(world, "one"))
        assert world.store.deployments.of(SHOP)[0].trigger is Trigger.RETRY


async def test_a_rollback_holds_until_the_next_commit(world: World) -> None:
    good = world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        bad = await push(world, target, "two")
        await until(serves(world, "two"))
        hold(world, good, bad, 1)
        await until(serves(world, "one"))
        assert world.store.deployments.of(SHOP)[0].trigger is Trigger.ROLLBACK
        await until(lambda: any(c.reason == "RolledBack" for c in target.environments[SHOP].conditions))
        await push(world, target, "three")
        await until(serves(world, "three"))


async def test_a_release_that_is_wanted_again_while_it_stops_starts_afresh(world: World) -> None:
    """Otherwise visitors would be led to processes that are on their way out."""
    good = world.repository.commit(app("one"))
    world.settle = 0.2
    async with world.daemon() as target:
        await until(serves(world, "one"))
        bad = await push(world, target, "two")
        await until(serves(world, "two"))
        hold(world, good, bad, 1)
        await target.refresh()
        await until(serves(world, "one"))
        assert world.runtime.stopped == [InstanceId(ReleaseId(SHOP, 1), "web", 0)]
        assert world.runtime.started.count(InstanceId(ReleaseId(SHOP, 1), "web", 0)) == 2
        await until(lambda: world.alive == {1})


async def test_a_release_that_crashes_in_its_watch_window_is_rolled_back_and_stays_so(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await push(world, target, "two")
        await until(serves(world, "two"))
        await until(lambda: world.alive == {2})
        world.runtime.set(InstanceId(ReleaseId(SHOP, 2), "web", 0), restarts=3, phase=Phase.BACKING_OFF)
        target.environments[SHOP].wake()
        await until(serves(world, "one"))
        await until(lambda: world.alive == {1})
        outcomes = [(d.outcome, d.trigger) for d in world.store.deployments.of(SHOP)][:2]
        assert outcomes == [
            (Outcome.SUCCEEDED, Trigger.AUTOMATIC_ROLLBACK),
            (Outcome.ROLLED_BACK, Trigger.COMMIT),
        ]
        assert world.store.releases.get(ReleaseId(SHOP, 2)).verdict is Verdict.BAD


async def test_a_release_that_answers_with_errors_is_rolled_back_whatever_name_it_is_asked_by(world: World) -> None:
    world.repository.commit(app("one"))
    text = fleet_edit.set_domains("shop", world.fleet_text(), "production", ["shop.example.org"])
    world.fleet.edit_by_hand("shop", text)
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await push(world, target, "two")
        await until(serves(world, "two"))
        world.router.counts["shop.example.org"] = (40, 39)
        target.environments[SHOP].wake()
        await until(serves(world, "one"))
        assert world.store.releases.get(ReleaseId(SHOP, 2)).verdict is Verdict.BAD


async def test_suspended_resumed_removed(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        text = world.fleet_text()
        world.fleet.edit_by_hand("shop", fleet_edit.set_suspended("shop", text, "production", True))
        await until(lambda: world.live_text == "shop is suspended" and not world.alive)
        world.fleet.edit_by_hand("shop", fleet_edit.set_suspended("shop", text, "production", False))
        await until(serves(world, "one"))
        world.fleet.edit_by_hand("shop", None)
        await until(lambda: world.live_text == "nothing" and not world.alive)
        await until(lambda: SHOP not in target.environments)
        assert not await world.runtime.spares(SHOP)
    assert not list(world.home.releases.glob("*/*/*"))


async def test_a_fleet_file_with_a_mistake_changes_nothing_and_is_told(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        world.fleet.edit_by_hand("shop", world.fleet_text() + "\n[environment]\n")
        await until(lambda: any(c.reason == "FleetFileInvalid" for c in target.environments[SHOP].conditions))
        assert "one" in world.live_text
        assert "environments" in next(
            c.message for c in target.environments[SHOP].conditions if c.reason == "FleetFileInvalid"
        )


async def test_an_app_that_left_the_fleet_while_no_daemon_ran_is_removed(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon():
        await until(serves(world, "one"))
    world.fleet.edit_by_hand("shop", None)
    async with world.daemon():
        await until(lambda: world.live_text == "nothing" and not world.alive)


async def test_a_lost_state_database_costs_history_only(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon():
        await until(serves(world, "one"))
    started = list(world.runtime.started)
    world.store.close()
    world.store = SqliteStore(None, world.clock)
    async with world.daemon() as target:
        await until(lambda: SHOP in target.environments and target.environments[SHOP].settled)
    assert "one" in world.live_text
    assert world.runtime.started == started


async def test_a_lost_process_and_a_lost_route_are_healed(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await until(lambda: target.environments[SHOP].settled)
        world.runtime.instances.clear()
        world.router.targets.clear()
        target.environments[SHOP].wake()
        await until(lambda: world.alive == {1} and "one" in world.live_text)


@pytest.mark.parametrize("jump", [-86_400.0, -30.0, 3600.0, 365 * 86_400.0])
async def test_a_jump_of_the_wall_clock_changes_no_decision(world: World, jump: float) -> None:
    """Amid a deployment, in a watch window and after it: nothing is rolled back, stopped or forgotten."""
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        world.clock.jump(jump)
        target.environments[SHOP].wake()
        await until(lambda: target.environments[SHOP].settled)
        await push(world, target, "two")
        await until(serves(world, "two"))
        world.clock.jump(-2 * jump)
        await push(world, target, "three")
        await until(serves(world, "three"))
        world.clock.advance(WINDOW + 1)
        target.environments[SHOP].wake()
        await until(lambda: world.store.releases.get(ReleaseId(SHOP, 3)).verdict is Verdict.GOOD)
    deployments = world.store.deployments.of(SHOP)
    assert [each.outcome for each in deployments] == [Outcome.SUCCEEDED] * 3
    assert not [event for event in world.store.events.newest() if event.kind == "automatic-rollback"]


async def test_a_live_process_that_hangs_is_started_anew(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await until(lambda: target.environments[SHOP].settled)
        started, prober = len(world.runtime.started), world.prober
        prober.default = ProbeFailed("no answer")
        asked = len(prober.asked)
        world.clock.advance(CHECK_INTERVAL)
        target.environments[SHOP].wake()
        await until(lambda: len(prober.asked) > asked + 1)  # asked once, and now probed like a new release
        assert len(world.runtime.started) == started
        world.clock.advance(60)
        await until(lambda: any(event.kind == "hang" for event in world.store.events.newest()))
        prober.default = 200
        target.environments[SHOP].wake()
        await until(lambda: len(world.runtime.started) > started and target.environments[SHOP].settled)
    assert "one" in world.live_text


async def test_a_live_process_that_answers_errors_is_unhealthy_and_left_alone(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await until(lambda: target.environments[SHOP].settled)
        started = len(world.runtime.started)
        world.prober.default = 503
        world.clock.advance(CHECK_INTERVAL)
        target.environments[SHOP].wake()
        asked = len(world.prober.asked)
        await until(lambda: len(world.prober.asked) > asked + 1)
        world.clock.advance(60)
        await until(lambda: condition(target, ConditionType.HEALTHY) is False)
        assert len(world.runtime.started) == started


def condition(target: TargetLoop, kind: ConditionType) -> bool | None:
    return next((each.status for each in target.environments[SHOP].conditions if each.type is kind), None)


async def test_changed_files_are_put_back_and_it_is_said(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        await until(lambda: target.environments[SHOP].settled)
        file = world.home.tree(ReleaseId(SHOP, 1)) / "app.py"
        file.write_text("TEXT = 'evil'")
        target.environments[SHOP].wake()
        await until(serves(world, "one"))
        assert any(event.kind == "drift" for event in world.store.events.newest())


async def test_a_branch_that_vanishes_leaves_what_serves_alone(world: World) -> None:
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(serves(world, "one"))
        world.repository.heads.clear()
        world.repository.heads["other"] = "f" * 40
        target.wake_sources()
        await until(
            lambda: any("main" in c.message and c.status is False for c in target.environments[SHOP].conditions)
        )
        assert "one" in world.live_text


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_any_effect_of_a_deployment_the_next_daemon_ends_it(world: World, after: bool) -> None:
    """For n = 1, 2, 3… until a deployment needs fewer effects than n: there must be a dozen at least."""
    world.repository.commit(app("start", release="migrate"))
    async with world.daemon():
        await until(serves(world, "start"))
    for effect in range(1, 40):
        before, text = world.live_text, f"text-{effect}"
        world.repository.commit(app(text, release="migrate"))
        world.mortality = Mortality(effect, after=after)
        survived = await run_until_killed(world, lambda text=text: text in world.live_text)  # type: ignore[misc]
        assert world.live_text == before or text in world.live_text, f"effect {effect} cost the old release"
        world.mortality = None
        async with world.daemon() as target:
            await until(serves(world, text))
            await until(lambda target=target: at_rest(world, target))  # type: ignore[misc]
        if survived:
            break
    assert effect >= 9
