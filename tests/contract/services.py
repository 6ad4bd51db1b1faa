"""The contract of `ServiceProvider`, for every type: subclass `ServiceContract`, name the subclass `Test…` and give it
a fixture `world`. A world may serve many tests: each takes environments that no other test has."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from pullet.domain.errors import ServiceFailed
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from pullet.ports import ServiceProvider

_count = itertools.count()


class ServiceWorld(ABC):
    """A provider, and an app that uses what it is given."""

    type: ServiceType
    provider: ServiceProvider

    @abstractmethod
    async def write(self, grant: Grant, name: str) -> None:
        """As the app: keep the record `name`, durably."""

    @abstractmethod
    async def read(self, grant: Grant) -> set[str]:
        """As the app: the names of all records; none where nothing was ever written."""

    @abstractmethod
    def reopened(self) -> ServiceProvider:
        """Another provider over the same home: what the next daemon has."""

    def spec(self, key: ServiceKey) -> ServiceSpec:
        return ServiceSpec(
            key.name, self.type, path="data" if self.type in (ServiceType.SQLITE, ServiceType.VOLUME) else ""
        )

    async def provided(self, key: ServiceKey, *names: str) -> Grant:
        """The service of `key` with these records added."""
        grant = await self.provider.provide(key, self.spec(key))
        for name in names:
            await self.write(grant, name)
        return grant


def environment(app: str = "shop") -> EnvironmentKey:
    return EnvironmentKey(app, f"e{next(_count)}")


def service(name: str = "db") -> ServiceKey:
    """A service of an environment that no other test has."""
    return ServiceKey(environment(), name)


def heard(_: str, /) -> None:
    """A log for those who do not listen."""


class ServiceContract:
    async def test_provide_gives_the_same_grant_each_time_and_keeps_the_data(self, world: ServiceWorld) -> None:
        key = service()
        grant = await world.provided(key, "one")
        assert await world.provider.provide(key, world.spec(key)) == grant
        assert await world.reopened().provide(key, world.spec(key)) == grant
        assert await world.read(grant) == {"one"}

    async def test_a_new_service_is_empty(self, world: ServiceWorld) -> None:
        assert await world.read(await world.provided(service())) == set()

    async def test_every_secret_is_part_of_a_variable(self, world: ServiceWorld) -> None:
        grant = await world.provided(service())
        values = [value for _, value in grant.variables]
        assert all(secret and any(secret in value for value in values) for secret in grant.secrets)

    async def test_environments_and_services_are_apart(self, world: ServiceWorld) -> None:
        here, there = service(), service()
        keys = [here, there, ServiceKey(here.environment, "other")]
        grants = [await world.provided(key, str(number)) for number, key in enumerate(keys)]
        assert [await world.read(grant) for grant in grants] == [{"0"}, {"1"}, {"2"}]

    async def test_names_that_look_alike_are_apart(self, world: ServiceWorld) -> None:
        long, unique = "a" * 40, f"n{next(_count)}"
        keys = [
            ServiceKey(EnvironmentKey(f"{unique}-b", "c"), "db"),
            ServiceKey(EnvironmentKey(unique, "b-c"), "db"),
            ServiceKey(EnvironmentKey(unique, "b"), "c-db"),
            ServiceKey(EnvironmentKey(long, unique), long + "1"),
            ServiceKey(EnvironmentKey(long, unique), long + "2"),
            ServiceKey(EnvironmentKey(unique, "b"), "../../x"),
            ServiceKey(EnvironmentKey(unique, "b"), "x"),
            ServiceKey(EnvironmentKey(unique, "b"), "'; \"$(x)\\ é"),
        ]
        grants = [await world.provided(key, str(number)) for number, key in enumerate(keys)]
        assert [await world.read(grant) for grant in grants] == [{str(number)} for number in range(len(keys))]
        for each in (unique, f"{unique}-b"):
            mine = {key for key in keys if key.environment == EnvironmentKey(each, "b")}
            assert {s.key for s in await world.provider.observe(EnvironmentKey(each, "b"))} == mine

    async def test_observe_lists_what_there_is_data_of(self, world: ServiceWorld) -> None:
        key, other = service(), service()
        await world.provided(key, "one")
        await world.provided(other)
        (state,) = await world.provider.observe(key.environment)
        assert (state.key, state.type, state.running) == (key, world.type, True)
        assert state.size > 0
        assert {key, other} <= {each.key for each in await world.reopened().observe()}
        assert await world.provider.observe(environment()) == ()

    async def test_ensure_has_it_running_again_after_a_stop(self, world: ServiceWorld) -> None:
        key = service()
        grant = await world.provided(key, "one")
        await world.provider.stop()
        await world.provider.stop()
        assert key in {state.key for state in await world.provider.observe()}
        await world.provider.ensure()
        await world.provider.ensure()
        assert await world.read(await world.provider.provide(key, world.spec(key))) == {"one"}
        assert await world.read(grant) == {"one"}

    async def test_a_clone_has_the_data_as_of_now_and_goes_its_own_way(self, world: ServiceWorld) -> None:
        origin, key = service(), service()
        there = await world.provided(origin, "one", "two")
        here = await world.provider.clone(origin, key, world.spec(key), heard)
        await world.write(there, "three")
        await world.write(here, "mine")
        assert await world.read(here) == {"one", "two", "mine"}
        assert await world.read(there) == {"one", "two", "three"}
        assert await world.provider.provide(key, world.spec(key)) == here

    async def test_a_second_clone_sees_what_was_written_since_and_replaces_what_was_there(
        self, world: ServiceWorld
    ) -> None:
        origin, key = service(), service()
        there = await world.provided(origin, "one")
        here = await world.provided(key, "old")
        assert await world.provider.clone(origin, key, world.spec(key), heard) == here
        assert await world.read(here) == {"one"}
        await world.write(there, "two")
        await world.provider.clone(origin, key, world.spec(key), heard)
        assert await world.read(here) == {"one", "two"}

    async def test_a_clone_of_a_clone(self, world: ServiceWorld) -> None:
        origin, middle, last = service(), service(), service()
        await world.provided(origin, "one")
        between = await world.provider.clone(origin, middle, world.spec(middle), heard)
        await world.write(between, "two")
        grant = await world.provider.clone(middle, last, world.spec(last), heard)
        assert await world.read(grant) == {"one", "two"}

    async def test_a_clone_outlives_its_origin(self, world: ServiceWorld) -> None:
        origin, key = service(), service()
        await world.provided(origin, "one")
        grant = await world.provider.clone(origin, key, world.spec(key), heard)
        await world.provider.remove(origin)
        assert await world.read(grant) == {"one"}

    async def test_a_clone_of_what_is_not_there_is_refused_with_the_data_left(self, world: ServiceWorld) -> None:
        key, missing = service(), service()
        grant = await world.provided(key, "one")
        for origin in (missing, key):
            with pytest.raises(ServiceFailed):
                await world.provider.clone(origin, key, world.spec(key), heard)
        assert await world.read(grant) == {"one"}
        assert await world.provider.observe(missing.environment) == ()

    async def test_a_dump_is_loaded_in_place_of_what_is_there_and_elsewhere(
        self, world: ServiceWorld, tmp_path: Path
    ) -> None:
        key, elsewhere = service(), service()
        grant = await world.provided(key, "one")
        dump = await _dumped(world, key, tmp_path)
        await world.write(grant, "two")
        for each in (key, elsewhere):
            await world.provider.load(each, world.spec(each), dump)
            assert await world.read(await world.provided(each)) == {"one"}
        assert await world.read(grant) == {"one"}

    async def test_a_dump_of_nothing_is_refused(self, world: ServiceWorld, tmp_path: Path) -> None:
        with pytest.raises(ServiceFailed):
            await world.provider.dump(service(), tmp_path)

    async def test_a_dump_with_any_file_missing_or_cut_short_is_refused(
        self, world: ServiceWorld, tmp_path: Path
    ) -> None:
        key = service()
        grant = await world.provided(key, "one")
        dump = await _dumped(world, key, tmp_path)
        await world.write(grant, "two")
        for path in [path for path in sorted(dump.rglob("*")) if path.is_file()]:
            whole = path.read_bytes()
            for part in _damages(whole):
                _replace(path, part)
                with pytest.raises(ServiceFailed):
                    await world.provider.load(key, world.spec(key), dump)
            path.write_bytes(whole)
        assert await world.read(grant) == {"one", "two"}
        await world.provider.load(key, world.spec(key), dump)
        assert await world.read(grant) == {"one"}

    async def test_an_empty_folder_is_no_dump(self, world: ServiceWorld, tmp_path: Path) -> None:
        key = service()
        grant = await world.provided(key, "one")
        with pytest.raises(ServiceFailed):
            await world.provider.load(key, world.spec(key), tmp_path)
        assert await world.read(grant) == {"one"}

    async def test_remove_deletes_this_one_only(self, world: ServiceWorld) -> None:
        key, other = service(), service()
        await world.provided(key, "one")
        kept = await world.provided(other, "two")
        await world.provider.remove(key)
        await world.provider.remove(key)
        assert await world.provider.observe(key.environment) == ()
        assert await world.read(await world.provided(key)) == set()
        assert await world.read(kept) == {"two"}

    async def test_capabilities_are_named(self, world: ServiceWorld) -> None:
        assert all(each.name for each in await world.provider.capabilities())


async def _dumped(world: ServiceWorld, key: ServiceKey, folder: Path) -> Path:
    dump = folder / "dump"
    dump.mkdir()
    await world.provider.dump(key, dump)
    return dump


def _damages(whole: bytes) -> set[bytes | None]:
    """Missing, cut short, emptied, changed."""
    return {None, whole[:-1], b"", bytes([*whole[:-1], whole[-1] ^ 1])} if whole else {None}


def _replace(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
