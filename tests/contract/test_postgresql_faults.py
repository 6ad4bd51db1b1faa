"""PostgreSQL: kills, crashes at every moment, clones of what is in use."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.domain.errors import DiskFull, ServiceFailed
from pullet.domain.runtime import Phase
from pullet.domain.services import Grant
from pullet.drivers.services.postgresql import programs
from pullet.drivers.services.postgresql.provider import PostgresProvider
from pullet.drivers.services.postgresql.sql import Psql, identifier
from tests.contract.postgresql import PostgresWorld, connection_in, postgres_world
from tests.contract.services import heard, service
from tests.disks import small_disk

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def world() -> Iterator[PostgresWorld]:
    with postgres_world() as world:
        yield world


async def write_until_it_fails(app: Psql) -> int:
    """Committed writes, numbered from 0, until the server is gone; how many were confirmed."""
    for number in range(100_000):
        try:
            await app.run(f"INSERT INTO n VALUES ({number})")
        except ServiceFailed:
            return number
    raise AssertionError("nobody killed the server")


def kill_all(world: PostgresWorld) -> None:
    postmaster = world.supervisor.observe(world.cluster.shim).pid
    assert postmaster is not None
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def test_nothing_committed_is_lost_by_a_kill_of_everything_and_the_shim_has_it_back(
    world: PostgresWorld,
) -> None:
    key = service()
    grant = await world.provided(key)
    app = world.app(grant)
    await app.run("CREATE TABLE n (i int PRIMARY KEY)")
    writing = asyncio.create_task(write_until_it_fails(app))
    async with asyncio.timeout(30):
        while await app.value("SELECT count(*) FROM n") < 20:
            await asyncio.sleep(0.01)
    kill_all(world)
    confirmed = await writing
    assert await world.provider.provide(key, world.spec(key)) == grant
    rows = {row["i"] for row in await app.rows("SELECT i FROM n")}
    assert set(range(confirmed)) <= rows <= set(range(confirmed + 1))
    assert world.supervisor.observe(world.cluster.shim).restarts >= 1


async def test_ensure_has_it_back_after_the_shim_was_killed_too(world: PostgresWorld) -> None:
    grant = await world.provided(service(), "one")
    state = world.supervisor.observe(world.cluster.shim)
    assert state.shim_pid
    os.kill(state.shim_pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while world.supervisor.observe(world.cluster.shim).phase is Phase.UP:
            await asyncio.sleep(0.01)
    await world.provider.ensure()
    assert await world.read(grant) == {"one"}


async def test_a_stop_does_not_wait_for_clients(world: PostgresWorld) -> None:
    grant = await world.provided(service(), "one")
    sleeping = asyncio.create_task(world.app(grant).run("SELECT pg_sleep(600)", timeout=600))
    await wait_for_sleeper(world)
    async with asyncio.timeout(20):
        await world.provider.stop()
    with pytest.raises(ServiceFailed):
        await sleeping
    assert world.supervisor.observe(world.cluster.shim).phase is Phase.GONE
    await world.provider.ensure()
    assert await world.read(grant) == {"one"}


async def wait_for_sleeper(world: PostgresWorld) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' AND pid <> pg_backend_pid()"
    async with asyncio.timeout(30):
        while not await world.superuser().value(query):
            await asyncio.sleep(0.01)


async def test_a_clone_while_the_origin_is_written_to(world: PostgresWorld) -> None:
    """Sums stay 0 in each transaction: so in the clone. A session with a transaction under way goes on after it."""
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    app = world.app(grant)
    await app.run("CREATE TABLE a (v int)", "CREATE TABLE b (v int)")
    staying = asyncio.create_task(
        app.run("BEGIN", "INSERT INTO record VALUES ('uncommitted')", "SELECT pg_sleep(6)", "COMMIT")
    )
    await wait_for_sleeper(world)
    writing = asyncio.create_task(write_pairs(app))
    try:
        clone = await world.provider.clone(origin, key, world.spec(key), heard)
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
    assert await world.read(clone) == {"one"}
    sums = "SELECT coalesce((SELECT sum(v) FROM a), 0) + coalesce((SELECT sum(v) FROM b), 0) AS s"
    assert await world.app(clone).value(sums) == 0
    await staying
    assert await world.read(grant) == {"one", "uncommitted"}
    again = await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(again) == {"one", "uncommitted"}


async def write_pairs(app: Psql) -> None:
    while True:
        await app.run("BEGIN", "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (-1)", "COMMIT")


async def test_an_origin_at_rest_is_copied_by_its_files_and_a_changed_one_never(world: PostgresWorld) -> None:
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    await world.superuser().run("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")  # it writes, too
    said: list[str] = []
    for number in range(5):
        clone = await world.provider.clone(origin, key, world.spec(key), said.append)
        if number == 3:
            assert await world.read(clone) == {"one"}
            await world.write(grant, "two")
    assert await world.read(clone) == {"one", "two"}
    by_files = ["has not changed" in line for line in said if "copying shop" in line or "has not changed" in line]
    assert by_files == [False, False, True, True, False]


@pytest.mark.parametrize("statement", ["swap", "drop", "create"])
async def test_what_a_killed_clone_left_is_cleared_away(world: PostgresWorld, statement: str) -> None:
    origin, key = service(), service()
    await world.provided(origin, "theirs")
    grant = await world.provided(key, "mine")
    name = connection_in(grant).database
    admin = world.superuser()
    new, old = identifier(f"{name}_new"), identifier(f"{name}_old")
    if statement == "swap":
        await admin.run(f"CREATE DATABASE {new}", f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS false")
    elif statement == "drop":
        await admin.run(f"CREATE DATABASE {old}")
    else:
        await admin.run(f"CREATE DATABASE {new}")
    assert await world.read(await world.provided(key)) == {"mine"}
    left = await admin.rows(f"SELECT datname FROM pg_database WHERE datname IN ('{name}_new', '{name}_old')")
    assert left == []
    assert await world.read(await world.provider.clone(origin, key, world.spec(key), heard)) == {"theirs"}


async def test_a_load_into_a_database_in_use_ends_its_connections_at_the_end_only(
    world: PostgresWorld, tmp_path: Path
) -> None:
    key = service()
    grant = await world.provided(key, "one")
    await world.provider.dump(key, tmp_path)
    using = asyncio.create_task(world.app(grant).run("SELECT pg_sleep(600)", timeout=600))
    await wait_for_sleeper(world)
    await world.provider.load(key, world.spec(key), tmp_path)
    with pytest.raises(ServiceFailed):
        await using
    assert await world.read(grant) == {"one"}


async def test_every_kind_of_thing_survives_dump_and_load(world: PostgresWorld, tmp_path: Path) -> None:
    key, other = service(), service()
    grant = await world.provided(key)
    await world.app(grant).run(
        "CREATE EXTENSION hstore",
        'CREATE SCHEMA "od\'d"',
        'CREATE TABLE "od\'d".t (id bigserial PRIMARY KEY, b bytea, h public.hstore, j jsonb, x text UNIQUE)',
        "INSERT INTO \"od'd\".t (b, h, j, x) SELECT decode(md5(i::text), 'hex'), 'a=>1', '{\"k\": null}', "
        "E'\\\\N\\t\\n' || chr(8364) || i FROM generate_series(1, 5000) i",
        'CREATE TABLE child (t bigint REFERENCES "od\'d".t)',
        "INSERT INTO child VALUES (1), (5000)",
        "SELECT lo_from_bytea(0, 'large object')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COMMENT ON TABLE child IS 'kept'",
    )
    await world.provider.dump(key, tmp_path)
    await world.provider.load(other, world.spec(other), tmp_path)
    copy = await world.provided(other)
    assert await digest(world, copy) == await digest(world, grant)
    assert await world.app(copy).value("SELECT nextval('\"od''d\".t_id_seq')") == 5001


async def digest(world: PostgresWorld, grant: Grant) -> list[object]:
    queries = (
        "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM \"od'd\".t",
        "SELECT string_agg(t::text, ',' ORDER BY t) FROM child",
        "SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata",
        "SELECT f()",
        "SELECT obj_description('child'::regclass)",
    )
    return [await world.app(grant).value(query) for query in queries]


async def test_the_wheel_serves_where_the_box_has_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_system_folders", list)
    with contextlib.ExitStack() as stack:
        alone = await asyncio.to_thread(stack.enter_context, postgres_world())
        origin, key = service(), service()
        grant = await alone.provided(origin, "one")
        assert "from the wheel" in (await alone.provider.capabilities())[0].detail
        clone = await alone.provider.clone(origin, key, alone.spec(key), heard)
        assert await alone.read(clone) == {"one"}
        await alone.provider.stop()
        monkeypatch.setattr(programs, "_wheel", list)  # the next Pullet brings another: the copy kept goes on
        again = alone.reopened()
        await again.ensure()
        assert await alone.read(grant) == {"one"}
        await again.stop()
        shutil.rmtree(alone.cluster.programs)
        with pytest.raises(ServiceFailed, match="its programs are gone"):
            await alone.reopened().ensure()
        await asyncio.to_thread(stack.close)


async def test_a_server_that_was_there(world: PostgresWorld, tmp_path: Path) -> None:
    await world.provided(service())
    await world.superuser().run(
        "DROP ROLE IF EXISTS maker", "CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'made'"
    )
    with (world.cluster.conf / "pg_hba.conf").open("r+") as file:
        rules = file.read()
        file.seek(0)
        file.write("host all all 127.0.0.1/32 scram-sha-256\n" + rules)
    await world.superuser().run("SELECT pg_reload_conf()")
    from pullet.domain.home import Home

    url = f"postgresql://maker:made@127.0.0.1:{world.cluster.port}/postgres"
    provider = PostgresProvider(Home(tmp_path), world.runner, world.supervisor, external=url)
    origin, key = service("external"), service("external")
    grant = await provider.provide(origin, world.spec(origin))
    await world.write(grant, "one")
    clone = await provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(clone) == {"one"}
    for each in (origin, key):
        await provider.remove(each)
    assert "made" not in repr(await provider.capabilities())


_CLONE = """
import asyncio, sys
from pathlib import Path
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceKey, ServiceSpec, ServiceType
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.services.postgresql.provider import PostgresProvider

def key(text):
    app, environment, name = text.split("/")
    return ServiceKey(EnvironmentKey(app, environment), name)

async def main(home, origin, target):
    runner = ProcessRunner()
    provider = PostgresProvider(Home(Path(home)), runner, ShimSupervisor(runner, cgroups.detect(), use_systemd=False))
    print("begins", flush=True)
    spec = ServiceSpec(key(target).name, ServiceType.POSTGRESQL)
    await provider.clone(key(origin), key(target), spec, lambda line: None)
    print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_copy_may_be_killed_at_any_moment(world: PostgresWorld) -> None:
    """By signal, in a process of its own: whatever it was doing, the next one succeeds and leaves nothing behind."""
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    await world.app(grant).run("CREATE TABLE big AS SELECT i, repeat('x', 200) t FROM generate_series(1, 40000) i")
    await world.provided(key, "mine")
    words = (f"{each.environment.app}/{each.environment.name}/{each.name}" for each in (origin, key))
    argv = (sys.executable, "-c", _CLONE, str(world.home.root), *words)
    whole = await _cloned_for(argv, None)
    for part in range(1, 8):
        await world.app(grant).run(f"INSERT INTO record VALUES ('{part}')")
        await _cloned_for(argv, whole * part / 8)
        there = await world.read(await world.provided(key))
        assert there >= {"one"} or there == {"mine"}
    clone = await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(clone) == await world.read(grant) == {"one", *map(str, range(1, 8))}
    rest = "datname LIKE '%\\_new' OR datname LIKE '%\\_old'"
    assert await world.superuser().rows(f"SELECT datname FROM pg_database WHERE {rest}") == []
    assert not list((world.home.postgresql / "databases").glob("*.work"))


async def _cloned_for(argv: tuple[str, ...], seconds: float | None) -> float:
    """Copy until the end, or until it is killed; how long the copy itself took."""
    child = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    assert child.stdout and await child.stdout.readline() == b"begins\n"
    began = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            assert await child.stdout.readline() == b"done\n"
    took = time.monotonic() - began
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.communicate()
    return took


async def test_a_full_disk_costs_no_committed_row() -> None:
    with small_disk(400) as root:
        tight = PostgresWorld(root)
        grant = await tight.provided(service())
        app = tight.app(grant)
        await app.run("CREATE TABLE n (i int PRIMARY KEY, t text)")
        filler = root / "filler"
        filler.write_bytes(b"x" * (shutil.disk_usage(root).free - (8 << 20)))
        confirmed = 0
        with pytest.raises(DiskFull):
            for number in range(10_000):
                first = number * 1000
                some = f"SELECT i, repeat(md5(i::text), 10) FROM generate_series({first}, {first + 999}) i"
                await app.run(f"INSERT INTO n {some}")
                confirmed += 1000
        filler.unlink()
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(ServiceFailed, DiskFull):
                    await tight.provider.ensure()
                    assert int(await app.value("SELECT count(*)::text FROM n")) >= confirmed > 0
                    break
                await asyncio.sleep(0.2)
        await app.run("INSERT INTO n VALUES (-1, 'there is room again')")
        await tight.provider.stop()
