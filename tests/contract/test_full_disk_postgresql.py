"""PostgreSQL on a disk that is full: what was acknowledged stays, what cannot be done says why, and room mends it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.domain.errors import DiskFull, PulletError, ServiceFailed
from pullet.domain.services import Grant
from pullet.drivers.services.postgresql.sql import Psql
from tests.contract.postgresql import PostgresWorld, postgres_world_in
from tests.contract.services import heard, service
from tests.disks import filled, small_disk

pytestmark = pytest.mark.real

_MEGABYTE = 1 << 20
_LARGE = 24 * _MEGABYTE


@pytest.fixture
def world() -> Iterator[PostgresWorld]:
    with small_disk(220) as folder, postgres_world_in(folder) as world:
        yield world


async def large(world: PostgresWorld, grant: Grant) -> None:
    """Something that a copy takes room for."""
    rows = f"SELECT md5(i::text) || md5((-i)::text) AS x FROM generate_series(1, {_LARGE // 100}) i"
    await world.app(grant).run(f"CREATE TABLE large AS {rows}")
    await world.superuser().run("CHECKPOINT")


async def everything(world: PostgresWorld) -> tuple[object, ...]:
    """Databases, roles, and files that are no part of the server's own."""
    admin = world.superuser()
    databases = await admin.rows("SELECT datname FROM pg_database ORDER BY 1")
    roles = await admin.rows("SELECT rolname FROM pg_roles ORDER BY 1")
    files = [path for path in world.cluster.folder.rglob("*") if not path.is_relative_to(world.cluster.data)]
    return databases, roles, sorted(files)


async def write_until_it_fails(app: Psql) -> int:
    """Committed writes, numbered from 0, each with a megabyte of log; how many were confirmed."""
    log = f"SELECT length(pg_logical_emit_message(true, '', repeat('x', {_MEGABYTE}))::text)"
    for number in range(10_000):
        try:
            await app.run("BEGIN", f"{log}", f"INSERT INTO n VALUES ({number})", "COMMIT")
        except PulletError:
            return number
    raise AssertionError("the disk did not fill up")


async def test_nothing_committed_is_lost_and_it_serves_again_when_there_is_room(world: PostgresWorld) -> None:
    key = service()
    grant = await world.provided(key, "one")
    app = world.app(grant)
    await app.run("CREATE TABLE n (i int PRIMARY KEY)")
    with filled(world.home.root, leaving=24 * _MEGABYTE):
        confirmed = await write_until_it_fails(app)
        assert confirmed > 0
        with filled(world.home.root), contextlib.suppress(DiskFull):  # no room even to recover
            await world.provider.provide(key, world.spec(key))
    assert await world.provider.provide(key, world.spec(key)) == grant
    rows = {row["i"] for row in await app.rows("SELECT i FROM n")}
    assert set(range(confirmed)) <= rows <= set(range(confirmed + 1))
    assert await world.read(grant) == {"one"}
    await world.write(grant, "two")


async def test_a_clone_without_room_leaves_nothing(world: PostgresWorld) -> None:
    origin, key = service(), service()
    there, here = await world.provided(origin, "theirs"), await world.provided(key, "mine")
    await large(world, there)
    before = await everything(world)
    for leaving in (0, 6 * _MEGABYTE, 12 * _MEGABYTE):
        with filled(world.home.root, leaving):
            with pytest.raises(DiskFull):
                await world.provider.clone(origin, key, world.spec(key), heard)
            assert await world.read(here) == {"mine"}
            assert await world.read(there) == {"theirs"}
        assert await everything(world) == before
    await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(here) == {"theirs"}


async def test_a_dump_or_load_without_room_leaves_what_was(world: PostgresWorld, tmp_path: Path) -> None:
    key = service()
    grant = await world.provided(key, "one")
    await large(world, grant)
    dump = world.home.root / "dump"
    dump.mkdir()
    with filled(world.home.root, 12 * _MEGABYTE), pytest.raises(DiskFull):
        await world.provider.dump(key, dump)
    with pytest.raises(ServiceFailed, match="not whole"):
        await world.provider.load(key, world.spec(key), dump)
    await world.provider.dump(key, tmp_path)
    await world.write(grant, "two")
    before = await everything(world)
    with filled(world.home.root, 12 * _MEGABYTE):
        with pytest.raises(DiskFull):
            await world.provider.load(key, world.spec(key), tmp_path)
        assert await world.read(grant) == {"one", "two"}
    assert await everything(world) == before
    await world.provider.load(key, world.spec(key), tmp_path)
    assert await world.read(grant) == {"one"}


async def test_a_first_database_without_room(world: PostgresWorld) -> None:
    key = service()
    for leaving in (0, 8 * _MEGABYTE, 25 * _MEGABYTE):
        with filled(world.home.root, leaving), pytest.raises(DiskFull):
            await world.provider.provide(key, world.spec(key))
    assert await world.read(await world.provided(key, "one")) == {"one"}
