"""Which change is made is decided purely; that it is made once and survives any death, in a world of fakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec
from pullet.domain.codec import loads
from pullet.domain.errors import BuildFailed
from pullet.domain.healing import Change, ChangeKind, Diagnosis, Heal, HealPolicy
from pullet.domain.identity import ReleaseId
from pullet.domain.release import Artifact, Outcome, Release, Verdict
from pullet.planner.healing import LIMIT, changes_of, next_heal, refusal
from pullet.ports import LogSink
from tests.fakes.builder import FakeBuilder
from tests.fakes.world import SHOP, Mortality, World, app, at_rest, run_until_killed
from tests.polling import until

FAILING_BUILD = 5  # at most so many effects before it
SETUPTOOLS = Change(ChangeKind.REQUIREMENT, "setuptools<81")
OLDER = Change(ChangeKind.PYTHON, "3.11")
NO_PKG_RESOURCES = "ModuleNotFoundError: No module named 'pkg_resources'"


def healed(*changes: Change, inherited: bool = False) -> tuple[Heal, ...]:
    return tuple(Heal(change, "it broke", "build", inherited) for change in changes)


def requirement(number: int) -> Change:
    return Change(ChangeKind.REQUIREMENT, f"package{number}")


@pytest.mark.parametrize(
    ("diagnosis", "tried", "policy", "why"),
    [
        (Diagnosis("x", SETUPTOOLS), (), HealPolicy.UNPINNED, ""),
        (Diagnosis("x", SETUPTOOLS), (), HealPolicy.OFF, "heal is false"),
        (Diagnosis("x", SETUPTOOLS, pin="setuptools==82"), (), HealPolicy.UNPINNED, "which is pinned"),
        (Diagnosis("x", SETUPTOOLS, pin="setuptools==82"), (), HealPolicy.PINS, ""),
        (Diagnosis("x", SETUPTOOLS), healed(SETUPTOOLS), HealPolicy.UNPINNED, "did not help"),
        (Diagnosis("x", SETUPTOOLS), healed(SETUPTOOLS, inherited=True), HealPolicy.UNPINNED, "did not help"),
        (Diagnosis("x", SETUPTOOLS), healed(*map(requirement, range(LIMIT))), HealPolicy.UNPINNED, "were tried"),
        (Diagnosis("x", SETUPTOOLS), healed(*map(requirement, range(9)), inherited=True), HealPolicy.UNPINNED, ""),
    ],
)
def test_when_a_change_is_made(diagnosis: Diagnosis, tried: tuple[Heal, ...], policy: HealPolicy, why: str) -> None:
    assert why in refusal(diagnosis, tried, policy)
    assert bool(refusal(diagnosis, tried, policy)) == bool(why)
    assert (next_heal(diagnosis, "build", tried, policy) is None) == bool(why)


def test_a_cause_without_a_change_stops() -> None:
    assert next_heal(Diagnosis("the disk is on fire"), "build", (), HealPolicy.PINS) is None


def test_of_several_interpreters_the_last_one_holds() -> None:
    lower = Change(ChangeKind.PYTHON, "3.10")
    assert changes_of(healed(OLDER, SETUPTOOLS, lower)) == (SETUPTOOLS, lower)


class Fussy(FakeBuilder):
    """Fails with what `need` says of the changes made so far; notes what each build was told."""

    def __init__(self, inner: FakeBuilder, need: Callable[[tuple[Change, ...]], str]) -> None:
        super().__init__(inner._home)
        self.need = need
        self.told: list[tuple[Change, ...]] = []

    async def build(
        self, release: ReleaseId, spec: AppSpec, tree: Path, previous: Artifact | None, log: LogSink
    ) -> Artifact:
        self.told.append(spec.changes)
        if words := self.need(spec.changes):
            log(words)
            raise BuildFailed("It did not build", context=words)
        return await super().build(release, spec, tree, previous, log)


def fussy(world: World, need: Callable[[tuple[Change, ...]], str]) -> Fussy:
    world.builder = Fussy(world.builder, need)
    return world.builder


def needs_setuptools(changes: tuple[Change, ...]) -> str:
    return "" if SETUPTOOLS in changes else NO_PKG_RESOURCES


async def failed(world: World) -> None:
    await until(lambda: [d.outcome for d in world.store.deployments.of(SHOP, 1)] == [Outcome.FAILED])


async def test_one_deployment_fails_is_healed_and_goes_live(world: World) -> None:
    builder = fussy(world, needs_setuptools)
    world.repository.commit(app("one"))
    async with world.daemon():
        await until(lambda: "one" in world.live_text)
        await until(lambda: world.store.deployments.get(SHOP, 1).outcome is Outcome.SUCCEEDED)
    steps = [(step.name, step.outcome) for step in world.store.deployments.get(SHOP, 1).steps]
    assert steps[:4] == [
        ("resolve", Outcome.SUCCEEDED), ("build", Outcome.FAILED), ("heal", Outcome.SUCCEEDED),
        ("build", Outcome.SUCCEEDED),
    ]  # fmt: skip
    assert builder.told == [(), (SETUPTOOLS,)]
    assert [event.kind for event in world.store.events.after(environment=SHOP)].count("heal") == 1


async def test_the_next_commit_begins_with_what_helped_unless_its_dependencies_changed(world: World) -> None:
    builder = fussy(world, needs_setuptools)
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(lambda: "one" in world.live_text)
        world.repository.commit(app("two"))
        target.wake_sources()
        await until(lambda: "two" in world.live_text)
        assert builder.told[2:] == [(SETUPTOOLS,)]
        assert all(heal.inherited for heal in world.store.releases.get(ReleaseId(SHOP, 2)).heals)
        builder.need = lambda changes: ""
        world.repository.commit(app("three") | {"requirements.txt": "flask\nsetuptools\n"})
        target.wake_sources()
        await until(lambda: "three" in world.live_text)
    assert builder.told[3:] == [()]


async def test_it_stops_after_three_changes_and_the_old_release_serves(world: World) -> None:
    missing = ["redis", "yaml", "PIL", "requests", "celery"]
    broken = False
    builder = fussy(world, lambda told: f"ImportError: No module named '{missing[len(told)]}'" if broken else "")
    world.repository.commit(app("one"))
    async with world.daemon() as target:
        await until(lambda: "one" in world.live_text)
        broken = True
        world.repository.commit(app("two"))
        target.wake_sources()
        await failed(world)
        assert "one" in world.live_text
    assert len(builder.told) == 1 + LIMIT + 1
    latest = world.store.deployments.of(SHOP, 1)[0]
    assert "imports requests" in latest.error
    assert "3 changes were tried" in latest.error


async def test_the_same_change_is_not_made_twice(world: World) -> None:
    builder = fussy(world, lambda changes: NO_PKG_RESOURCES)
    world.repository.commit(app("one"))
    async with world.daemon():
        await failed(world)
    assert builder.told == [(), (SETUPTOOLS,)]
    assert "did not help" in world.store.deployments.get(SHOP, 1).error


async def test_the_owner_can_switch_it_off(world: World) -> None:
    builder = fussy(world, needs_setuptools)
    world.repository.commit(app("one") | {"pullet.toml": "[build]\nheal = false\n"})
    async with world.daemon():
        await failed(world)
    assert builder.told == [()]
    assert "pkg_resources" in world.store.deployments.get(SHOP, 1).error


async def test_a_pin_is_not_changed_unless_allowed(world: World) -> None:
    builder = fussy(world, needs_setuptools)
    world.repository.commit(app("one") | {"requirements.txt": "setuptools==82.0\n"})
    async with world.daemon():
        await failed(world)
    assert builder.told == [()]
    assert "setuptools==82.0, which is pinned" in world.store.deployments.get(SHOP, 1).error


async def test_what_no_change_mends_stops_with_the_cause(world: World) -> None:
    fussy(world, lambda changes: "sqlite3.OperationalError: no such table: users")
    world.repository.commit(app("one"))
    async with world.daemon():
        await failed(world)
    latest = world.store.deployments.get(SHOP, 1)
    assert "the table users does not exist" in latest.error
    assert "It did not build" in latest.context
    assert world.store.releases.get(ReleaseId(SHOP, 1)).verdict is Verdict.BAD


async def test_processes_of_a_failed_attempt_are_stopped_before_it_is_built_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = fussy(world, lambda changes: "")
    log = world.home.root / "web.log"
    log.write_text(f"{NO_PKG_RESOURCES}\n")
    monkeypatch.setattr(world.runtime, "log_path", lambda instance: log)
    world.prober.answers["/fake/shop/production/1/web.0.sock"] = 500
    world.repository.commit(app("one"))
    async with world.daemon():
        await until(lambda: bool(world.runtime.instances))
        await until(lambda: bool(world.prober.asked))
        world.clock.advance(60)
        await until(lambda: len(builder.told) == 2)
        world.prober.answers.clear()
        await until(lambda: "one" in world.live_text)
    assert builder.told == [(), (SETUPTOOLS,)]
    assert len(world.runtime.stopped) == 1
    assert len(world.runtime.started) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_at_any_effect_the_next_daemon_ends_with_the_same_change(world: World, after: bool) -> None:
    builder = fussy(world, lambda changes: "")
    world.repository.commit(app("start"))
    async with world.daemon():
        await until(lambda: "start" in world.live_text)
    builder.need = needs_setuptools
    for effect in range(1, 40):
        text = f"text-{effect}"
        world.repository.commit(app(text) | {"requirements.txt": f"flask\npackage{effect}\n"})
        world.mortality = Mortality(effect, after=after)
        survived = await run_until_killed(world, lambda text=text: text in world.live_text)  # type: ignore[misc]
        world.mortality = None
        async with world.daemon() as target:
            await until(lambda text=text: text in world.live_text)  # type: ignore[misc]
            await until(lambda target=target: at_rest(world, target))  # type: ignore[misc]
        live = world.store.releases.live(SHOP)
        assert live is not None
        release = world.store.releases.get(ReleaseId(SHOP, live))
        assert [heal.change for heal in release.heals] == [SETUPTOOLS]
        kept = loads(Release, (world.home.release(release.id) / "release.json").read_bytes())
        assert kept.heals == release.heals
        if survived and effect > FAILING_BUILD:  # nobody is killed after an effect that raised
            break
    assert effect >= 9
