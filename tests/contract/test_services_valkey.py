"""The contract of `ServiceProvider` on a real Valkey, and its faults: kills, full memory, strangers, commands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pullet.domain.errors import PulletError, ServiceFailed
from pullet.domain.home import Home
from pullet.domain.services import Grant, ServiceKey, ServiceType
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.services.valkey.files import Record, make_data, read_record
from pullet.drivers.services.valkey.provider import ValkeyProvider
from pullet.drivers.services.valkey.server import Server
from pullet.ports import ServiceProvider
from tests.contract.services import ServiceContract, ServiceWorld, service
from tests.polling import until

pytestmark = pytest.mark.real


class Connection:
    """As much of a client as an app needs here: one command, one answer."""

    def __init__(self, grant: Grant, password: str | None = None) -> None:
        url = urlsplit(dict(grant.variables)["REDIS_URL"])
        assert url.hostname is not None and url.port is not None
        self._socket = socket.create_connection((url.hostname, url.port), timeout=10)
        self._reader = self._socket.makefile("rb")
        try:
            self.greeting = self.do("AUTH", url.password if password is None else password)
        except OSError:
            self.close()
            raise

    def do(self, *words: str | None) -> object:
        parts = [(word or "").encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
        return self._answer()

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def _answer(self) -> object:
        line = self._reader.readline()
        if not line:
            raise ConnectionResetError
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"$":
            return None if text == "-1" else self._reader.read(int(text) + 2)[:-2].decode()
        if kind == b"*":
            return [self._answer() for _ in range(int(text))]
        return f"-{text}" if kind == b"-" else int(text) if kind == b":" else text


@contextlib.contextmanager
def connected(grant: Grant, password: str | None = None):  # type: ignore[no-untyped-def]
    connection = Connection(grant, password)
    try:
        yield connection
    finally:
        connection.close()


class ValkeyWorld(ServiceWorld):
    type = ServiceType.VALKEY
    provider: ValkeyProvider

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.services.mkdir()
        self.supervisor = ShimSupervisor(ProcessRunner(), cgroups.detect(), use_systemd=False)
        self.provider = self.make()

    def make(self) -> ValkeyProvider:
        return ValkeyProvider(self.home, ProcessRunner(), self.supervisor)

    def reopened(self) -> ServiceProvider:
        return self.make()

    async def write(self, grant: Grant, name: str) -> None:
        with connected(grant) as connection:
            assert connection.do("SADD", "records", name) == 1

    async def read(self, grant: Grant) -> set[str]:
        with connected(grant) as connection:
            found = connection.do("SMEMBERS", "records")
            assert isinstance(found, list)
            return set(found)

    def pid(self, key: ServiceKey) -> int:
        pid = self.supervisor.observe(self.home.service(key) / "valkey" / "process").pid
        assert pid is not None
        return pid


@pytest.fixture
async def world() -> AsyncIterator[ValkeyWorld]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        world = ValkeyWorld(Path(folder))
        yield world
        await world.provider.stop()


class TestValkey(ServiceContract):
    """Each on servers of its own."""


async def test_killed_while_it_is_written_to_nothing_acknowledged_is_lost(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provided(key)
    acknowledged = 0
    with connected(grant) as connection:
        for number in range(2000):
            assert connection.do("RPUSH", "log", str(number)) == number + 1
            acknowledged += 1
        os.kill(world.pid(key), signal.SIGKILL)

    def length() -> int | None:
        with contextlib.suppress(OSError), connected(grant) as again:
            found = again.do("LLEN", "log")
            return found if isinstance(found, int) else None
        return None

    await until(lambda: length() is not None, 20)  # its shim has started it again
    assert length() == acknowledged
    assert await world.provider.provide(key, world.spec(key)) == grant


async def test_memory_is_limited_and_nothing_is_thrown_away(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provider.provide(key, replace(world.spec(key), memory=8 << 20))
    with connected(grant) as connection:
        answers = [connection.do("SET", f"k{number}", "x" * 100_000) for number in range(120)]
        assert any(str(answer).startswith("-OOM") for answer in answers)
        assert connection.do("GET", "k0") == "x" * 100_000


async def test_a_cache_throws_away_what_is_least_used(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provider.provide(key, replace(world.spec(key), memory=8 << 20, persistent=False))
    with connected(grant) as connection:
        answers = [connection.do("SET", f"k{number}", "x" * 100_000) for number in range(120)]
        assert set(answers) == {"OK"}
        assert connection.do("GET", "k119") == "x" * 100_000


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG GET *",
        "SHUTDOWN",
        "DEBUG SLEEP 0",
        "MODULE LIST",
        "REPLICAOF a 1",
        "CLIENT PAUSE 1",
        "CLIENT NO-EVICT ON",
    ],
)
async def test_an_app_may_not_govern_its_server(world: ValkeyWorld, command: str) -> None:
    with connected(await world.provided(service())) as connection:
        assert str(connection.do(*command.split())).startswith(("-NOPERM", "-ERR DEBUG command not allowed"))


async def test_what_queues_and_caches_need_is_allowed(world: ValkeyWorld) -> None:
    with connected(await world.provided(service())) as connection:
        for command in (
            ("INFO",),
            ("CLIENT", "SETNAME", "worker"),
            ("HELLO", "2"),
            ("RPUSH", "queue", "a"),
            ("BRPOP", "queue", "1"),
            ("SETEX", "lock", "5", "x"),
            ("EVAL", "return redis.call('GET', KEYS[1])", "1", "lock"),
            ("SCRIPT", "LOAD", "return 1"),
            ("MULTI",),
            ("INCR", "n"),
            ("EXEC",),
            ("KEYS", "*"),
            ("ZADD", "z", "1", "m"),
            ("XADD", "stream", "*", "a", "b"),
            ("PUBLISH", "channel", "x"),
            ("FLUSHDB",),
            ("SUBSCRIBE", "channel"),
        ):
            assert not str(connection.do(*command)).startswith("-"), command


async def test_a_wrong_password_is_refused(world: ValkeyWorld) -> None:
    grant = await world.provided(service())
    with connected(grant, "guess") as connection:
        assert str(connection.greeting).startswith("-WRONGPASS")
        assert str(connection.do("GET", "x")).startswith("-NOAUTH")


async def test_no_secret_is_in_a_command_line_and_no_file_is_for_all(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provided(key)
    command = Path(f"/proc/{world.pid(key)}/cmdline").read_text()
    assert not any(secret in command for secret in grant.secrets)
    for path in (world.home.service(key) / "valkey").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o004 == 0 or not any(
                secret.encode() in path.read_bytes() for secret in grant.secrets
            ), path


async def test_a_port_that_a_stranger_took_is_given_up(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provided(key, "one")
    await world.provider.stop()
    port = urlsplit(dict(grant.variables)["REDIS_URL"]).port
    with socket.create_server(("127.0.0.1", port or 0)):
        other = await world.provider.provide(key, world.spec(key))
    assert dict(other.variables)["REDIS_URL"] != dict(grant.variables)["REDIS_URL"]
    assert await world.read(other) == {"one"}


async def test_a_service_may_become_a_cache_and_have_more_memory(world: ValkeyWorld) -> None:
    key = service()
    grant = await world.provided(key)
    changed = replace(world.spec(key), memory=32 << 20, persistent=False)
    assert await world.provider.provide(key, changed) == grant
    with connected(grant) as connection:
        assert "maxmemory:33554432" in str(connection.do("INFO", "memory"))
        assert "aof_enabled:0" in str(connection.do("INFO", "persistence"))


async def test_a_clone_while_it_is_written_to(world: ValkeyWorld) -> None:
    origin, key = service(), service()
    grant = await world.provided(origin, "one")
    writing = asyncio.create_task(asyncio.to_thread(_write_pairs, grant))
    copied = await world.provider.clone(origin, key, world.spec(key), lambda _: None)
    await writing
    with connected(copied) as connection:
        first, second = connection.do("GET", "a"), connection.do("GET", "b")
    assert first == second  # set together, seen together


def _write_pairs(grant: Grant) -> None:
    with connected(grant) as connection:
        for number in range(3000):
            connection.do("MSET", "a", str(number), "b", str(number))


async def test_a_damaged_record_is_said(world: ValkeyWorld) -> None:
    key = service()
    await world.provided(key)
    (world.home.service(key) / "valkey" / "service.json").write_text("{")
    with pytest.raises(ServiceFailed, match="damaged"):
        await world.provider.provide(key, world.spec(key))
    (world.home.service(key) / "valkey" / "service.json").unlink()
    await world.supervisor.stop(world.home.service(key) / "valkey" / "process", 1)


@pytest.mark.parametrize("removed", [False, True])
async def test_a_trial_whose_pullet_was_killed_ends(world: ValkeyWorld, *, removed: bool) -> None:
    key = service()
    grant = await world.provided(key, "one")
    root = world.home.service(key) / "valkey"
    record = read_record(root)
    assert record is not None
    tried = replace(record, data="data-tried")
    left = await _left_running(world, root, tried)
    if removed:
        await world.provider.remove(key)
    else:
        assert await world.provider.provide(key, world.spec(key)) == grant
        assert await world.read(grant) == {"one"}
    assert not Path(f"/proc/{left}").exists()
    assert not (root / "trial").exists()
    assert not (root / tried.data).exists()


async def _left_running(world: ValkeyWorld, root: Path, record: Record) -> int:
    """The server process of a trial that nobody waits for any more."""
    user = world.provider._user(record.key)
    make_data(root, record.data, user)
    program, _ = await world.provider._found()
    server = Server(world.supervisor, program, root, record, user)
    await server._launch(root / "trial", trial=True)
    pid = world.supervisor.observe(root / "trial").pid
    assert pid is not None
    return pid


async def test_lost_data_are_said_and_a_dump_is_loaded_in_their_place(world: ValkeyWorld, tmp_path: Path) -> None:
    key = service()
    grant = await world.provided(key, "one")
    await world.provider.dump(key, tmp_path)
    await world.provider.stop()
    root = world.home.service(key) / "valkey"
    record = read_record(root)
    assert record is not None
    (root / record.data).rename(root / "moved-away")
    for again in (world.provider.provide(key, world.spec(key)), world.provider.ensure()):
        with pytest.raises(ServiceFailed, match="gone"):
            await again
    await world.provider.load(key, world.spec(key), tmp_path)
    assert await world.read(grant) == {"one"}


async def test_a_damaged_record_keeps_no_other_from_starting_or_stopping(world: ValkeyWorld) -> None:
    damaged, other = service(), service()
    await world.provided(damaged)
    grant = await world.provided(other, "one")
    await world.provider.stop()
    path = world.home.service(damaged) / "valkey" / "service.json"
    whole = path.read_bytes()
    path.write_bytes(b"{")
    with pytest.raises(ServiceFailed, match="damaged"):
        await world.provider.ensure()
    assert await world.read(grant) == {"one"}
    await world.provider.stop()
    path.write_bytes(whole)
    assert not any(state.running for state in await world.provider.observe())


async def test_observe_bears_files_that_come_and_go(world: ValkeyWorld) -> None:
    key = service()
    await world.provided(key, "one")
    record = read_record(world.home.service(key) / "valkey")
    assert record is not None
    churning = asyncio.create_task(
        asyncio.to_thread(_churn, world.home.service(key) / "valkey" / record.data / "temp-1.rdb")
    )
    while not churning.done():
        (state,) = await world.provider.observe(key.environment)
        assert state.size > 0


def _churn(path: Path) -> None:
    for _ in range(5000):
        path.write_bytes(b"x")
        path.unlink()


async def test_a_shell_waits_for_a_load(world: ValkeyWorld) -> None:
    key = service()
    await world.provided(key)
    async with world.provider._alone(key):
        shell = asyncio.create_task(world.provider.shell(key, world.spec(key)))
        await asyncio.wait([shell], timeout=0.5)
        assert not shell.done()
    with contextlib.suppress(PulletError):  # there may be no client on the box
        await shell
