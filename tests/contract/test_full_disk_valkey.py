"""Valkey, files and folders on a disk that is full: see the same for PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pullet.domain.errors import DiskFull
from pullet.domain.services import Grant
from tests.contract.services import heard, service
from tests.contract.test_services_valkey import ValkeyWorld, connected
from tests.disks import filled, small_disk

pytestmark = pytest.mark.real

_MEGABYTE = 1 << 20


@pytest.fixture
async def world() -> AsyncIterator[ValkeyWorld]:
    with small_disk(64) as folder:
        world = ValkeyWorld(folder)
        yield world
        await world.provider.stop()


def push_until_it_fails(grant: Grant) -> int:
    """How many were acknowledged."""
    with contextlib.suppress(OSError), connected(grant) as connection:
        for number in range(10_000):
            if connection.do("RPUSH", "log", f"{number}" + "x" * 10_000) != number + 1:
                return number
    return number


def length(grant: Grant) -> object:
    with connected(grant) as connection:
        return connection.do("LLEN", "log")


async def everything(world: ValkeyWorld) -> list[Path]:
    return sorted(path for path in world.home.services.rglob("*") if path.name != "output.log")


async def test_nothing_acknowledged_is_lost_and_it_takes_more_when_there_is_room(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provided(key, "one")
    with filled(world.home.root, 4 * _MEGABYTE):
        acknowledged = push_until_it_fails(grant)
        assert 0 < acknowledged < 1000
    await world.provider.ensure()
    async with asyncio.timeout(20):
        while not await _takes(world, grant):
            await asyncio.sleep(0.05)
    await world.provider.stop()
    assert await world.provider.provide(key, world.spec(key)) == grant
    assert acknowledged <= int(str(length(grant))) <= acknowledged + 1
    assert {"one", "two"} <= await world.read(grant)


async def _takes(world: ValkeyWorld, grant: Grant) -> bool:
    with contextlib.suppress(OSError, AssertionError):
        await world.write(grant, "two")
        return True
    return False


async def test_a_clone_without_room_leaves_nothing(world: ValkeyWorld) -> None:
    origin, key = service(), service()
    there, here = await world.provided(origin, "theirs"), await world.provided(key, "mine")
    with connected(there) as connection:
        for number in range(1000):
            connection.do("SET", f"k{number}", secrets.token_urlsafe(7500))
    before = await everything(world)
    for leaving in (0, 4 * _MEGABYTE, 12 * _MEGABYTE, 16 * _MEGABYTE):
        with filled(world.home.root, leaving):
            with pytest.raises(DiskFull):
                await world.provider.clone(origin, key, world.spec(key), heard)
            assert await world.read(here) == {"mine"}
            assert await world.read(there) == {"theirs"}
        assert await everything(world) == before
    await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.read(here) == {"theirs"}
