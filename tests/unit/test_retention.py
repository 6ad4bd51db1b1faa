"""Unused Python environments go; what any release needs stays, whatever the store has forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from pullet.domain.codec import dumps
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision
from pullet.domain.release import Artifact, Candidate, Release, Stage, Verdict
from pullet.ports import Fleet, Prober, Router, Runtime, Secrets, Source
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.retention import RetentionLoop
from pullet.store.sqlite import SqliteStore
from tests.fakes.builder import FakeBuilder
from tests.fakes.clock import FakeClock

SHOP = EnvironmentKey("shop", "production")
CANDIDATE = Candidate(Revision("main", "a" * 40), "c0")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Neighbours]:
    home, clock = Home(tmp_path), FakeClock()
    for name in ("one", "two"):
        (home.pythons / name).mkdir(parents=True)
    unused = object()
    with SqliteStore(None, clock) as store:
        yield Neighbours(
            home=home,
            clock=clock,
            store=store,
            builder=FakeBuilder(home),
            source=cast(Source, unused),
            fleet=cast(Fleet, unused),
            runtime=cast(Runtime, unused),
            router=cast(Router, unused),
            prober=cast(Prober, unused),
            secrets=cast(Secrets, unused),
        )


def artifact(digest: str) -> Artifact:
    return Artifact("/tree", "/python", digest, "3.12.1", "/lock")


def record(world: Neighbours, digest: str) -> Release:
    """A release that the store knows."""
    release = world.store.releases.open(SHOP, CANDIDATE)
    return world.store.releases.advance(release.id, Stage.BUILT, artifact=artifact(digest))


def write(world: Neighbours, text: str) -> None:
    path = world.home.release(ReleaseId(SHOP, 7)) / "release.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def left(world: Neighbours) -> set[str]:
    return {path.name for path in world.home.pythons.iterdir()}


async def test_only_what_a_release_uses_stays(world: Neighbours) -> None:
    record(world, "one")
    await RetentionLoop(world).sweep()
    assert left(world) == {"one"}


async def test_a_removed_release_uses_nothing(world: Neighbours) -> None:
    world.store.releases.mark_removed(record(world, "one").id)
    await RetentionLoop(world).sweep()
    assert left(world) == set()


async def test_what_the_store_forgot_and_the_disk_knows_stays(world: Neighbours) -> None:
    release = Release(ReleaseId(SHOP, 7), CANDIDATE, Stage.BUILT, Verdict.NONE, 1.0, artifact=artifact("two"))
    write(world, dumps(release))
    await RetentionLoop(world).sweep()
    assert left(world) == {"two"}


async def test_nothing_goes_while_a_release_cannot_be_read(world: Neighbours) -> None:
    write(world, "{")
    await RetentionLoop(world).sweep()
    assert left(world) == {"one", "two"}
    assert "not removed" in world.store.events.newest()[-1].message


async def test_a_removal_wakes_it_before_the_hour(world: Neighbours) -> None:
    loop = RetentionLoop(world)
    running = asyncio.create_task(loop.run())
    loop.wake()
    async with asyncio.timeout(5):
        while left(world):
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.wait({running})
