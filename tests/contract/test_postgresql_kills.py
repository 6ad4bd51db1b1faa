"""PostgreSQL: a copy during which Pullet, or the server itself, is killed with SIGKILL at each of its commands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pullet.domain.errors import PulletError
from pullet.domain.services import Grant, ServiceKey
from pullet.drivers.services.postgresql.provider import PostgresProvider
from pullet.drivers.services.postgresql.records import name_of
from pullet.drivers.services.postgresql.work import PIPE, clear
from tests.contract.postgresql import PostgresWorld, postgres_world
from tests.contract.services import heard, service
from tests.contract.striking import StrikingRunner
from tests.contract.test_postgresql_faults import kill_all
from tests.polling import until

pytestmark = pytest.mark.real

_ROWS = 40_000


@pytest.fixture(scope="module")
def world() -> Iterator[PostgresWorld]:
    with postgres_world() as world:
        yield world


@pytest.fixture
def own() -> Iterator[PostgresWorld]:
    with postgres_world() as world:
        yield world


async def filled(world: PostgresWorld, key: ServiceKey, name: str, *, extension: bool) -> Grant:
    """With a name in it, and enough rows that a copy takes a moment."""
    grant = await world.provided(key, name)
    schema = ("CREATE SCHEMA apart", "CREATE EXTENSION hstore SCHEMA apart") if extension else ()
    await world.app(grant).run(
        *schema,
        "DROP TABLE IF EXISTS large",
        f"CREATE TABLE large AS SELECT i, md5(i::text) AS x FROM generate_series(1, {_ROWS}) i",
        "CREATE UNIQUE INDEX ON large (x)",
    )
    return grant


async def content(world: PostgresWorld, grant: Grant) -> tuple[set[str], int]:
    return await world.read(grant), await world.app(grant).value("SELECT count(DISTINCT x) FROM large")


async def everything(world: PostgresWorld) -> tuple[object, ...]:
    """Databases, roles and files, but for the copies that are kept."""
    admin = world.superuser()
    databases = await admin.rows("SELECT datname FROM pg_database WHERE datname NOT LIKE '%\\_copy' ORDER BY 1")
    roles = await admin.rows("SELECT rolname FROM pg_roles WHERE rolname NOT LIKE '%\\_copy' ORDER BY 1")
    files = (path.name for path in (world.cluster.folder / "databases").iterdir() if path.suffix)
    return databases, roles, sorted(name for name in files if "_copy" not in name)


def copying(world: PostgresWorld) -> list[str]:
    """Programs that work for this home, besides the server."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and str(world.cluster.sockets).encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


async def killed_clone(world: PostgresWorld, origin: ServiceKey, key: ServiceKey, moment: str) -> None:
    arguments = (str(world.home.root), origin.environment.name, key.environment.name, moment)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.striking", *arguments, cwd=Path(__file__).parents[2]
    )
    async with asyncio.timeout(60):
        assert await child.wait() == -signal.SIGKILL, f"there was no such moment: {moment}"


async def removed(world: PostgresWorld, *keys: ServiceKey) -> None:
    """Nothing is left of them, nor does anything work for them."""
    names = tuple(name_of(key) for key in keys)
    for key in keys:
        await world.reopened().remove(key)
    await until(lambda: not copying(world))
    left = await world.superuser().rows("SELECT datname AS name FROM pg_database UNION SELECT rolname FROM pg_roles")
    files = [path.name for path in world.cluster.folder.rglob("*")]
    assert [found for found in (*(row["name"] for row in left), *files) if found.startswith(names)] == []


_SWAP = ("ALLOW_CONNECTIONS false", "BEGIN", "_old:1")
_PIPED = ("CREATE DATABASE", "pg_dump", "pg_restore", *_SWAP)
_BY_FOLDER = ("pg_dump", "--list", "CREATE EXTENSION", "--use-list:1")
_KEPT = ("CREATE ROLE", "pg_restore", "ALTER ROLE", "TEMPLATE:1", "REASSIGN", "BEGIN")


@pytest.mark.parametrize("moments", [_PIPED, _BY_FOLDER, _KEPT], ids=["piped", "by-folder", "kept"])
async def test_pullet_killed_during_a_copy(world: PostgresWorld, moments: Sequence[str]) -> None:
    origin, key = service(), service()
    there = await filled(world, origin, "theirs", extension=moments is _BY_FOLDER)
    if moments is _KEPT:
        other = service()
        await world.provider.clone(origin, other, world.spec(other), heard)
    here = await filled(world, key, "mine", extension=False)
    before = await everything(world)
    for moment in moments:
        await killed_clone(world, origin, key, moment)
        assert await world.reopened().provide(key, world.spec(key)) == here
        assert await content(world, here) in (({"mine"}, _ROWS), ({"theirs"}, _ROWS)), moment
        assert await content(world, there) == ({"theirs"}, _ROWS), moment
        assert await everything(world) == before, moment
    await world.reopened().clone(origin, key, world.spec(key), heard)
    assert await content(world, here) == ({"theirs"}, _ROWS)
    await removed(world, origin, key)


@pytest.mark.parametrize("moment", ["CREATE DATABASE", "pg_restore", "BEGIN"])
async def test_the_server_killed_during_a_copy(own: PostgresWorld, moment: str) -> None:
    world = own  # what is killed again and again is started again ever later
    origin, key = service(), service()
    there = await filled(world, origin, "theirs", extension=False)
    here = await filled(world, key, "mine", extension=False)
    before = await everything(world)
    runner = StrikingRunner(moment, lambda: kill_all(world))
    with contextlib.suppress(PulletError):
        await PostgresProvider(world.home, runner, world.supervisor).clone(origin, key, world.spec(key), heard)
    assert await world.reopened().provide(key, world.spec(key)) == here
    assert await content(world, here) in (({"mine"}, _ROWS), ({"theirs"}, _ROWS))
    assert await content(world, there) == ({"theirs"}, _ROWS)
    assert await everything(world) == before
    await world.reopened().clone(origin, key, world.spec(key), heard)
    assert await content(world, here) == ({"theirs"}, _ROWS)
    await removed(world, origin, key)


@pytest.mark.parametrize("command", [("cat",), ("tee",)])
async def test_nobody_waits_at_a_pipe_whose_other_end_was_never_opened(tmp_path: Path, command: tuple[str]) -> None:
    work = tmp_path / "copy.work"
    (work / "one").mkdir(parents=True)
    os.mkfifo(work / "one" / PIPE)
    waiting = await asyncio.create_subprocess_exec(*command, str(work / "one" / PIPE), stdin=asyncio.subprocess.DEVNULL)
    await until(lambda: sleeps(waiting.pid, command[0]))
    clear(work)
    async with asyncio.timeout(10):
        await waiting.wait()
    assert list(tmp_path.iterdir()) == []


def sleeps(pid: int, program: str) -> bool:
    """Waits for something, in that program."""
    name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    return name.endswith(f"({program}") and rest.split()[0] == "S"
