"""The contract of `ServiceProvider` on files and folders, and what a hostile app may put there."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sqlite3
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pullet.domain.errors import DiskFull, ServiceFailed
from pullet.domain.home import Home
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from pullet.drivers.services import trees
from pullet.drivers.services.folders import FolderProvider, SqliteProvider
from pullet.ports import ServiceProvider
from tests.contract.services import ServiceContract, ServiceWorld, heard, service
from tests.fakes.confinement import Unconfined


class FolderWorld(ServiceWorld):
    type = ServiceType.VOLUME

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.provider = self.make()

    def make(self) -> FolderProvider:
        return FolderProvider(self.home, Unconfined())

    def reopened(self) -> ServiceProvider:
        return self.make()

    async def write(self, grant: Grant, name: str) -> None:
        (_folder(grant) / name).write_text("record")

    async def read(self, grant: Grant) -> set[str]:
        return {path.name for path in _folder(grant).iterdir()}


class SqliteWorld(FolderWorld):
    type = ServiceType.SQLITE

    def make(self) -> FolderProvider:
        return SqliteProvider(self.home, Unconfined())

    async def write(self, grant: Grant, name: str) -> None:
        with sqlite3.connect(_file(grant)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE IF NOT EXISTS records (name TEXT)")
            database.execute("INSERT INTO records VALUES (?)", (name,))
        database.close()

    async def read(self, grant: Grant) -> set[str]:
        if not _file(grant).exists():
            return set()
        with sqlite3.connect(_file(grant)) as database:
            found = {name for (name,) in database.execute("SELECT name FROM records")}
        database.close()
        return found


def _folder(grant: Grant) -> Path:
    return Path(grant.folders[0])


def _file(grant: Grant) -> Path:
    return Path(grant.links[0][1])


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


class TestVolume(ServiceContract):
    @pytest.fixture
    def world(self, root: Path) -> FolderWorld:
        return FolderWorld(root)


class TestSqlite(ServiceContract):
    @pytest.fixture
    def world(self, root: Path) -> SqliteWorld:
        return SqliteWorld(root)


async def test_what_a_repository_brings_is_the_beginning_once(root: Path) -> None:
    world, key = FolderWorld(root), service("media")
    source = root / "tree" / "media"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "a.txt").write_text("from the commit")
    grant = await world.provided(key)
    await world.provider.seed(key, world.spec(key), source)
    assert (_folder(grant) / "sub/a.txt").read_text() == "from the commit"
    (_folder(grant) / "sub/a.txt").unlink()
    await world.provider.seed(key, world.spec(key), source)
    assert not (_folder(grant) / "sub/a.txt").exists()


async def test_a_database_of_the_repository_is_the_beginning(root: Path) -> None:
    world, key = SqliteWorld(root), service("sqlite")
    committed = root / "db.sqlite3"
    with sqlite3.connect(committed) as database:
        database.execute("CREATE TABLE records (name TEXT)")
        database.execute("INSERT INTO records VALUES ('committed')")
    database.close()
    grant = await world.provided(key)
    await world.provider.seed(key, world.spec(key), committed)
    assert await world.read(grant) == {"committed"}


@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_a_link_in_the_repository_begins_nothing(root: Path, kind: str) -> None:
    secret = root / "secret"
    secret.mkdir() if kind == "folder" else secret.write_text("secret")
    link = root / "link"
    link.symlink_to(secret)
    world, key = FolderWorld(root), service("media")
    grant = await world.provided(key)
    await world.provider.seed(key, world.spec(key), link)
    assert await world.read(grant) == set()


async def test_links_are_copied_as_links_and_special_files_are_told(root: Path) -> None:
    world, origin, key = FolderWorld(root), service(), service()
    (root / "secret").write_text("secret")
    folder = _folder(await world.provided(origin, "one"))
    (folder / "link").symlink_to(root / "secret")
    (folder / "folder-link").symlink_to(root)
    os.mkfifo(folder / "fifo")
    told: list[str] = []
    copied = _folder(await world.provider.clone(origin, key, world.spec(key), told.append))
    assert (copied / "link").is_symlink()
    assert (copied / "folder-link").is_symlink()
    assert not (copied / "fifo").exists()
    assert any("fifo" in line for line in told)
    folder = root / "dump"
    folder.mkdir()
    await world.provider.dump(key, folder)
    await world.provider.load(key, world.spec(key), folder)
    assert (copied / "link").is_symlink()


async def test_a_database_that_is_a_link_is_not_read(root: Path) -> None:
    world, origin, key = SqliteWorld(root), service(), service()
    grant = await world.provided(origin, "one")
    other = root / "other.sqlite3"
    _file(grant).rename(other)
    _file(grant).symlink_to(other)
    copied = await world.provider.clone(origin, key, world.spec(key), heard)
    assert _file(copied).is_symlink()  # kept as what it is, with nothing of what it leads to


async def test_a_planted_journal_deletes_nothing(root: Path) -> None:
    """Rolling it back, SQLite would delete the super-journal that it names, with the rights of Pullet."""
    world, key = SqliteWorld(root), service()
    file = _file(await world.provided(key))
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE records (name TEXT)")
    database.close()
    victim = root / "victim"
    victim.write_text("precious")
    name, magic = str(victim).encode(), bytes.fromhex("d9d505f920a163d7")
    head = magic + struct.pack(">IIIII", 0, 1, file.stat().st_size // 4096, 512, 4096)
    tail = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    Path(f"{file}-journal").write_bytes(head.ljust(512, b"\0") + tail)
    folder = root / "dump"
    folder.mkdir()
    with pytest.raises(ServiceFailed, match="could not be copied"):
        await world.provider.dump(key, folder)
    assert victim.read_text() == "precious"


async def test_a_copy_is_consistent_while_others_write(root: Path) -> None:
    """Two tables that are changed together are never seen apart; what is not committed is not there."""
    world, origin, key = SqliteWorld(root), service(), service()
    grant = await world.provided(origin, "one")
    writer = sqlite3.connect(_file(grant), isolation_level=None)
    writer.execute("CREATE TABLE sums (total INTEGER)")
    writer.execute("BEGIN")
    writer.execute("INSERT INTO records VALUES ('uncommitted')")
    copied = await world.provider.clone(origin, key, world.spec(key), heard)
    writer.execute("COMMIT")
    writer.close()
    assert await world.read(copied) == {"one"}


async def test_a_damaged_database_is_not_copied(root: Path) -> None:
    world, origin, key = SqliteWorld(root), service(), service()
    grant = await world.provided(origin, *(f"{n}" * 400 for n in range(50)))
    data = bytearray(_file(grant).read_bytes())
    data[5000:9000] = os.urandom(4000)
    _file(grant).write_bytes(data)
    with pytest.raises(ServiceFailed, match=r"damaged|could not be copied"):
        await world.provider.clone(origin, key, world.spec(key), heard)


async def test_killed_while_data_are_replaced_the_old_are_still_there(root: Path) -> None:
    world, key = FolderWorld(root), service()
    folder = _folder(await world.provided(key, "one"))
    folder.rename(folder.with_name("data.old"))
    folder.with_name("data.new").mkdir()
    assert await world.read(await world.reopened().provide(key, world.spec(key))) == {"one"}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["data", "service.json"]


async def test_the_url_and_the_link_lead_to_one_file(root: Path) -> None:
    world = SqliteWorld(root)
    key = ServiceKey(service().environment, "db")
    grant = await world.provider.provide(key, ServiceSpec("db", ServiceType.SQLITE, path="data/db.sqlite3"))
    variables = dict(grant.variables)
    assert grant.links == (("data/db.sqlite3", variables["DB_PATH"]),)
    assert variables["DATABASE_URL"] == variables["DB_URL"] == f"sqlite:///{variables['DB_PATH']}"


@pytest.mark.real
async def test_what_is_half_made_is_left_alone_by_who_comes_meanwhile(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = FolderWorld(root)
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    begun, go_on = threading.Event(), threading.Event()

    def slowly(source: Path, new: Path, leave_out: object = None) -> tuple[str, ...]:
        (new / "half").touch()
        begun.set()
        assert go_on.wait(20)
        return ()

    monkeypatch.setattr(trees, "copy", slowly)
    clone = asyncio.create_task(world.provider.clone(origin, key, world.spec(key), heard))
    assert await asyncio.to_thread(begun.wait, 20)
    others = [asyncio.create_task(world.provided(each)) for each in (key, origin)]
    back = asyncio.create_task(world.provider.clone(key, origin, world.spec(origin), heard))
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in others)
    go_on.set()
    await asyncio.gather(clone, *others, back)
    assert await world.read(grant) == await world.read(clone.result()) == {"half"}


@pytest.mark.real
async def test_holes_stay_holes(root: Path) -> None:
    world = FolderWorld(root)
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    with (_folder(grant) / "large").open("wb") as file:
        file.seek(1 << 40)
        file.write(b"end")
        file.truncate((1 << 40) + (1 << 30))
    copied = _folder(await world.provider.clone(origin, key, world.spec(key), heard)) / "large"
    assert copied.stat().st_size == (1 << 40) + (1 << 30) and copied.stat().st_blocks < 1000
    with copied.open("rb") as file:
        file.seek(1 << 40)
        assert file.read(5) == b"end\0\0"


@pytest.mark.real
async def test_a_file_that_grows_as_fast_as_it_is_copied_ends(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, origin, key = FolderWorld(root), service(), service()
    log = _folder(await world.provided(origin)) / "log"
    log.write_bytes(b"x" * 10_000)
    real = trees._copy_range
    rounds = iter(range(50))

    def growing(*arguments: Any) -> None:
        next(rounds)
        with log.open("ab") as file:
            file.write(b"y" * 10_000)
        real(*arguments)

    monkeypatch.setattr(trees, "_copy_range", growing)
    monkeypatch.setattr(trees, "_share_blocks", lambda *_: False)
    copied = await world.provider.clone(origin, key, world.spec(key), heard)
    assert (_folder(copied) / "log").stat().st_size == 10_000


@pytest.mark.real
async def test_what_cannot_fit_is_not_begun(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = FolderWorld(root)
    origin, key = service(), service()
    await world.provided(origin, "one")
    grant = await world.provided(key, "mine")
    monkeypatch.setattr(trees, "size", lambda _: 1 << 60)
    with pytest.raises(DiskFull, match=r"is full"):
        await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(grant) == {"mine"}


@pytest.mark.real
async def test_a_pipe_in_place_of_a_database_holds_nobody_up(root: Path) -> None:
    world = SqliteWorld(root)
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    os.mkfifo(_folder(grant) / "pipe.db")
    async with asyncio.timeout(20):
        clone = await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(clone) == {"one"}


@pytest.mark.real
async def test_a_file_that_is_named_like_a_database_is_copied_with_it(root: Path) -> None:
    world = SqliteWorld(root)
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    beside = f"{_file(grant).name}.json"
    (_folder(grant) / beside).write_text("{}")
    assert (_folder(await world.provider.clone(origin, key, world.spec(key), heard)) / beside).read_text() == "{}"


@pytest.mark.real
async def test_a_hole_that_the_dump_would_fill_is_refused_at_once(root: Path) -> None:
    world, key = FolderWorld(root), service()
    with (_folder(await world.provided(key)) / "large").open("wb") as file:
        file.truncate(8 << 40)
    dump = root / "dump"
    dump.mkdir()
    with pytest.raises(DiskFull, match="is full") as err:
        await world.provider.dump(key, dump)
    assert "are needed" in err.value.context
    assert not list(dump.iterdir())


@pytest.mark.real
async def test_a_dump_that_cannot_fit_is_not_loaded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, key = FolderWorld(root), service()
    grant = await world.provided(key, "one")
    dump = root / "dump"
    dump.mkdir()
    await world.provider.dump(key, dump)
    await world.write(grant, "two")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(DiskFull, match="is full"):
        await world.provider.load(key, world.spec(key), dump)
    assert await world.read(grant) == {"one", "two"}


@pytest.mark.real
async def test_cancelled_twice_nobody_comes_in_between_and_no_lock_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = FolderWorld(root)
    origin, key = service(), service()
    await world.provided(origin, "one")
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*_: object) -> tuple[str, ...]:
        begun.set()
        assert go_on.wait(20)
        return ()

    monkeypatch.setattr(trees, "copy", slowly)
    provider = world.make()
    clone = asyncio.create_task(provider.clone(origin, key, world.spec(key), heard))
    assert await asyncio.to_thread(begun.wait, 20)
    for _ in range(3):
        clone.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not clone.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await clone
    del clone
    gc.collect()
    assert not provider._locks
