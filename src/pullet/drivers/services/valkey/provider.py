"""The ServiceProvider of Valkey: one server a service.

The address of a service stays the same for as long as nobody else takes its port while the server is down. Where that
happens, the server gets another port and another password (the old one may have been told to the stranger), and the
next `provide` returns the new grant.

A cache (`persistent = false`) has nothing to copy: its clones and loads start empty. A service that becomes a cache
keeps on the disk what it had, and has it again when it becomes persistent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pullet.domain.errors import PulletError, ServiceFailed
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.runtime import Capability, Phase
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType, Shell
from pullet.drivers.listing import below
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.users import user_of
from pullet.drivers.services import sealed, trees
from pullet.drivers.services.clients import client
from pullet.drivers.services.trouble import explained, file_trouble
from pullet.drivers.services.untrusted import copy_regular
from pullet.drivers.services.valkey import files
from pullet.drivers.services.valkey.files import Record
from pullet.drivers.services.valkey.program import find_server
from pullet.drivers.services.valkey.server import Server, end_trial
from pullet.drivers.supervision import Supervisor
from pullet.ports import LogSink

_DUMPED = "dump.rdb"
_ATTEMPTS = 3  # ports, in a row taken between choosing and listening


class ValkeyProvider:
    type = ServiceType.VALKEY

    def __init__(self, home: Home, runner: ProcessRunner, supervisor: Supervisor, program: Path | None = None) -> None:
        """`program` None: the server that came with Pullet, else the box's."""
        self._home = home
        self._runner = runner
        self._supervisor = supervisor
        self._given = program
        self._program: tuple[Path, str] | None = None
        self._locks: defaultdict[ServiceKey, asyncio.Lock] = defaultdict(asyncio.Lock)

    @explained
    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        async with self._alone(key):
            record = await self._settled(self._wanted(key, spec))
            await (await self._server(record)).ask("CONFIG", "SET", "maxmemory", str(record.memory))
            return record.grant()

    async def seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        """A repository brings no data of a server."""

    @explained
    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:
        async with self._alone(key):  # while it is copied, what is tried would be taken for a leftover
            record = await self._settled(self._wanted(key, spec))
        program = client("redis-tools", "valkey-cli", "redis-cli")
        return Shell((program, "-h", "127.0.0.1", "-p", str(record.port)), (("REDISCLI_AUTH", record.password),))

    async def ensure(self) -> None:
        failures: list[PulletError] = []
        for root in self._roots():
            try:
                with file_trouble(root):
                    await self._ensured(root)
            except PulletError as err:  # one that does not start keeps no other from it
                failures.append(err)
        if failures:
            raise failures[0]

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        found = [record for record in self._records() if environment in (None, record.key.environment)]
        return tuple([await asyncio.to_thread(self._observed, record) for record in found])

    @explained
    async def clone(self, origin: ServiceKey, key: ServiceKey, spec: ServiceSpec, log: LogSink) -> Grant:
        if origin == key:
            raise ServiceFailed(f"{key} cannot be a copy of itself")
        with self._workspace() as folder:
            async with self._alone(origin):
                snapshot = await self._snapshot(await self._settled(self._existing(origin)), folder)
            log(f"copying {origin}" if snapshot else f"{origin} is a cache: the copy starts empty")
            async with self._alone(key):
                return (await self._replaced(self._wanted(key, spec), snapshot)).grant()

    @explained
    async def dump(self, key: ServiceKey, folder: Path) -> None:
        with self._workspace() as scratch:
            async with self._alone(key):
                snapshot = await self._snapshot(await self._settled(self._existing(key)), scratch)
            if snapshot is not None:
                await asyncio.to_thread(copy_regular, snapshot, folder / _DUMPED)
        await asyncio.to_thread(sealed.seal, folder, type=self.type)

    @explained
    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:
        facts = await asyncio.to_thread(sealed.check, folder)
        if facts.get("type") != self.type:
            raise ServiceFailed(f"The dump in {folder} is not one of {self.type}", context=str(facts))
        dumped = folder / _DUMPED
        async with self._alone(key):
            await self._replaced(self._wanted(key, spec), dumped if dumped.exists() else None)

    @explained
    async def remove(self, key: ServiceKey) -> None:
        async with self._alone(key):
            root = self._root(key)
            if self._record(key) is not None:
                await self._end(root)
                (root / "service.json").unlink()  # from here on there is nothing to run
            await end_trial(self._supervisor, root)
            await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
            with contextlib.suppress(OSError):
                root.parent.rmdir()

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        roots = self._roots()
        if environment is not None:
            roots = [self._root(record.key) for record in self._records() if record.key.environment == environment]
        async with asyncio.TaskGroup() as tasks:
            for root in roots:
                tasks.create_task(self._end(root), name=f"stop:{root}")

    async def capabilities(self) -> Sequence[Capability]:
        try:
            program, version = await self._found()
        except ServiceFailed as err:
            return (Capability("valkey", False, err.message, err.hint),)
        return (Capability("valkey", True, f"{version}, {program}"),)

    # --- one service

    async def _ensured(self, root: Path) -> None:
        if (found := files.read_record(root)) is None:
            return
        async with self._alone(found.key):
            current = self._record(found.key)  # it may have been removed meanwhile
            if current is not None and not (await self._server(current)).runs_as_recorded():
                await self._settled(current)

    async def _settled(self, record: Record) -> Record:
        """Kept, running, and nothing left of what was half made. The port may be another than before."""
        root = self._root(record.key)
        await end_trial(self._supervisor, root)  # before the data that it tried go
        await asyncio.to_thread(self._kept, root, record)
        server = await self._server(record)
        if server.runs_as_recorded():
            return record
        for attempt in range(_ATTEMPTS):
            await server.stop()
            if not files.port_is_free(record.port):
                record = files.elsewhere(record)
                files.write_record(root, record)
                server = await self._server(record)
            try:
                await server.start()
                break
            except ServiceFailed:
                if attempt == _ATTEMPTS - 1 or files.port_is_free(record.port):
                    raise
        return record

    async def _replaced(self, record: Record, snapshot: Path | None) -> Record:
        """Have the service run on the snapshot's data. They count from the moment in which the record names them: by
        then a server has read them, and the old ones are still there."""
        root = self._root(record.key)
        new = replace(record, data=files.new_data_name())
        await asyncio.to_thread(files.make_root, self._home.root, root)
        try:
            given = snapshot if record.persistent else None
            await asyncio.to_thread(files.make_data, root, new.data, self._user(record.key), given)
            await (await self._server(new)).prove()
        except BaseException:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, root / new.data, ignore_errors=True))
            raise
        await self._end(root)
        files.write_record(root, new)
        return await self._settled(new)

    def _kept(self, root: Path, record: Record) -> None:
        files.make_root(self._home.root, root)
        kept = files.read_record(root)
        if not (root / record.data).exists():
            files.refuse_lost(root, record, kept)
            files.make_data(root, record.data, self._user(record.key))
        if kept != record:
            files.write_record(root, record)
        for folder in files.leftovers(root, record):
            shutil.rmtree(folder)

    async def _snapshot(self, record: Record, folder: Path) -> Path | None:
        """None of a cache."""
        if not record.persistent:
            return None
        await (await self._server(record)).snapshot(folder / _DUMPED)
        return folder / _DUMPED

    async def _end(self, root: Path) -> None:
        await self._supervisor.stop(root / "process", 10)

    def _wanted(self, key: ServiceKey, spec: ServiceSpec) -> Record:
        record = self._record(key)
        if record is None:
            return files.new_record(key, spec)
        return replace(record, memory=spec.memory or files.DEFAULT_MEMORY, persistent=spec.persistent)

    def _existing(self, key: ServiceKey) -> Record:
        if (record := self._record(key)) is None:
            raise ServiceFailed(f"There is no Valkey service {key}")
        return record

    def _record(self, key: ServiceKey) -> Record | None:
        record = files.read_record(self._root(key))
        if record is not None and record.key != key:
            raise ServiceFailed(f"{key} and {record.key} would share a folder", hint="Rename one of the two.")
        return record

    def _records(self) -> list[Record]:
        return [record for root in self._roots() if (record := files.read_record(root)) is not None]

    def _roots(self) -> list[Path]:
        roots = (service / self.type for service in below(self._home.services, 3))
        return [root for root in roots if (root / "service.json").exists()]

    def _observed(self, record: Record) -> ServiceState:
        root = self._root(record.key)
        state = self._supervisor.observe(root / "process")
        return ServiceState(
            key=record.key,
            type=self.type,
            running=state.phase is Phase.UP,
            size=trees.size(root / record.data),
            detail=state.reason if state.phase is not Phase.UP else f"port {record.port}",
        )

    def _root(self, key: ServiceKey) -> Path:
        return self._home.service(key) / self.type

    def _user(self, key: ServiceKey) -> int | None:
        """One an app, and never the app's own: no app can have a space in its name."""
        if os.geteuid() != 0:
            return None
        return user_of(self._home.root / "users.json", f"valkey of {key.environment.app}")

    async def _server(self, record: Record) -> Server:
        program, _ = await self._found()
        return Server(self._supervisor, program, self._root(record.key), record, self._user(record.key))

    async def _found(self) -> tuple[Path, str]:
        if self._program is None:
            self._program = await find_server(self._runner, self._given)
        return self._program

    @contextlib.asynccontextmanager
    async def _alone(self, key: ServiceKey) -> AsyncIterator[None]:
        async with self._locks[key]:
            yield

    @contextlib.contextmanager
    def _workspace(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="pullet-valkey-", dir=self._home.services) as folder:
            yield Path(folder)
