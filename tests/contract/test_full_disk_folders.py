"""Files, folders and SQLite's databases on a disk that is full: see the same for PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pullet.domain.errors import DiskFull
from tests.contract.services import heard, service
from tests.contract.test_services_folders import FolderWorld, SqliteWorld
from tests.disks import filled, small_disk

pytestmark = pytest.mark.real

_MEGABYTE = 1 << 20
_LARGE = 6 * _MEGABYTE


@pytest.fixture(params=[FolderWorld, SqliteWorld])
def world(request: pytest.FixtureRequest) -> Iterator[FolderWorld]:
    with small_disk(32) as folder:
        yield request.param(folder)


def large(world: FolderWorld, folder: Path) -> None:
    """Something that a copy takes room for."""
    if not isinstance(world, SqliteWorld):
        (folder / "large").write_bytes(os.urandom(_LARGE))
        return
    with closing(sqlite3.connect(folder / "data")) as database:
        database.execute("CREATE TABLE large (x BLOB)")
        database.execute("INSERT INTO large VALUES (?)", (os.urandom(_LARGE),))
        database.commit()


def everything(world: FolderWorld) -> list[Path]:
    return sorted(path for path in world.home.root.rglob("*") if not path.name.endswith(("-wal", "-shm")))


async def test_a_clone_without_room_leaves_nothing(world: FolderWorld) -> None:
    origin, key = service(), service()
    there, here = await world.provided(origin, "theirs"), await world.provided(key, "mine")
    large(world, Path(there.folders[0]))
    before = everything(world)
    for leaving in (0, _MEGABYTE, 5 * _MEGABYTE):
        with filled(world.home.root, leaving), pytest.raises(DiskFull):
            await world.provider.clone(origin, key, world.spec(key), heard)
        assert await world.read(here) == {"mine"}
        assert everything(world) == before
    await world.provider.clone(origin, key, world.spec(key), heard)
    assert "theirs" in await world.read(here)


async def test_a_dump_or_load_without_room_leaves_what_was(world: FolderWorld, tmp_path: Path) -> None:
    key = service()
    grant = await world.provided(key, "one")
    large(world, Path(grant.folders[0]))
    await world.provider.dump(key, tmp_path)
    await world.write(grant, "two")
    before, records = everything(world), await world.read(grant)
    for leaving in (0, _MEGABYTE, 5 * _MEGABYTE, 8 * _MEGABYTE):
        dump = world.home.root / "dump"
        dump.mkdir()
        with filled(world.home.root, leaving):
            with pytest.raises(DiskFull):
                await world.provider.dump(key, dump)
            assert not (dump / "pullet-dump.json").exists()
            for path in dump.iterdir():
                path.unlink()
            dump.rmdir()
    for leaving in (0, _MEGABYTE, 5 * _MEGABYTE):
        with filled(world.home.root, leaving), pytest.raises(DiskFull):
            await world.provider.load(key, world.spec(key), tmp_path)
        assert await world.read(grant) == records
        assert everything(world) == before
    await world.provider.load(key, world.spec(key), tmp_path)
    assert await world.read(grant) == records - {"two"}
