"""The server that databases are made on: one that Pullet keeps, or one that was there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Protocol

from pullet.domain.command import Command
from pullet.domain.errors import DiskFull, ServiceFailed
from pullet.domain.home import Home
from pullet.domain.runtime import Phase
from pullet.drivers.process import ProcessRunner
from pullet.drivers.services.postgresql import cluster as clusters
from pullet.drivers.services.postgresql.cluster import SUPERUSER, Cluster
from pullet.drivers.services.postgresql.programs import Programs, choose, installed
from pullet.drivers.services.postgresql.sql import Connection, Psql, connection_of
from pullet.drivers.services.trouble import disk_full, last_words
from pullet.drivers.supervision import Supervised, SupervisedState, Supervisor

_START_LIMIT = 120.0  # seconds; after kill -9 what is in the WAL is replayed first
_TRIES = 5  # quick exits: after a kill, what is left of the old server may hold its memory for a moment
_LOOK_AGAIN = 0.02  # seconds
_DRAIN = 30.0  # seconds for a fast shutdown, which writes what is in memory


class Server(Protocol):
    host: str
    """Where apps reach it."""

    @property
    def exists(self) -> bool:
        """Whether anything was ever asked of it: while not, it need not run."""

    @property
    def port(self) -> int: ...

    async def start(self) -> None:
        """Have it accept connections. Raises ServiceFailed."""

    async def stop(self) -> None: ...

    async def running(self) -> bool: ...

    async def admin(self) -> Psql:
        """SQL as who may make roles and databases."""

    async def programs(self) -> Programs: ...

    @property
    def data(self) -> Path | None:
        """Its data folder; None where it is out of reach."""

    def describe(self, programs: str) -> str:
        """For people."""


class ManagedServer:
    host = "127.0.0.1"

    def __init__(self, home: Home, runner: ProcessRunner, supervisor: Supervisor) -> None:
        self._cluster = Cluster(home)
        self._runner = runner
        self._supervisor = supervisor
        self._programs: Programs | None = None
        self._changing = asyncio.Lock()

    @property
    def exists(self) -> bool:
        return self._cluster.exists

    @property
    def port(self) -> int:
        return self._cluster.port

    @property
    def data(self) -> Path | None:
        return self._cluster.data

    def describe(self, programs: str) -> str:
        return programs if self.exists else f"{programs}, started when an app asks for a database"

    async def start(self) -> None:
        async with self._changing:
            if self._state().phase is Phase.UP and await self._accepts():
                return
            if self._state().shim_pid is None:
                await self._launch()
            await self._until_it_accepts()

    async def stop(self) -> None:
        """Fast: SIGTERM alone would wait for every client to leave."""
        async with self._changing:
            state = self._state()
            if state.phase is Phase.GONE:
                return
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._supervisor.stop(self._cluster.shim, _DRAIN), name="stop:postgresql")
                if state.pid is not None:
                    tasks.create_task(self._hurry(state.pid), name="hurry:postgresql")

    async def running(self) -> bool:
        return self.exists and self._state().phase is Phase.UP and await self._accepts()

    async def admin(self) -> Psql:
        cluster = self._cluster
        connection = Connection(str(cluster.sockets), cluster.port, SUPERUSER, cluster.password)
        return Psql(self._runner, (await self.programs())["psql"], connection, self._log)

    async def programs(self) -> Programs:
        if self._programs is None:
            found = await installed(self._runner, self._cluster.programs)
            self._programs = choose(found, self._cluster.major)
        return self._programs

    def _state(self) -> SupervisedState:
        return self._supervisor.observe(self._cluster.shim)

    async def _launch(self) -> None:
        cluster = self._cluster
        await asyncio.to_thread(clusters.prepare_folders, cluster)
        self._programs = None  # the box may have others by now
        self._programs = await asyncio.to_thread(clusters.keep_programs, cluster, await self.programs())
        if not cluster.exists:
            await clusters.initialise(cluster, self._programs, self._runner)
        if (taken := clusters.why_port_taken(cluster)) is not None:
            raise taken
        await self._supervisor.launch(self._supervised(self._programs))

    def _supervised(self, programs: Programs) -> Supervised:
        argv = (programs["postgres"], *clusters.configure(self._cluster))
        folder = self._cluster.shim
        folder.mkdir(parents=True, exist_ok=True)
        return Supervised(
            folder=folder,
            command=Command(argv, cwd=self._cluster.data, environment=clusters.plain()),
            user=self._cluster.user,
            give_up_after=None,
            labels={"version": programs.version},
        )

    async def _until_it_accepts(self) -> None:
        restarts = self._state().restarts
        try:
            async with asyncio.timeout(_START_LIMIT):
                while not await self._accepts():
                    state = self._state()
                    if state.shim_pid is None or state.restarts > restarts + _TRIES:
                        raise self._failed(state.reason or "its process ended")
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise self._failed(f"it accepted no connection within {_START_LIMIT:.0f} s") from None

    async def _accepts(self) -> bool:
        if not self._socket.exists():
            return False
        with contextlib.suppress(ServiceFailed):
            await (await self.admin()).run("SELECT", timeout=15)
            return True
        return False

    @property
    def _socket(self) -> Path:
        return self._cluster.sockets / f".s.PGSQL.{self._cluster.port}"

    async def _hurry(self, pid: int) -> None:
        """Once the shim is stopping (sooner, it would start the server again): SIGINT, the fast shutdown."""
        while self._state().phase not in (Phase.STOPPING, Phase.GONE):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)
        if self._state().pid == pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def _failed(self, why: str) -> ServiceFailed | DiskFull:
        evidence = last_words(self._log, 10)
        if "No space left on device" in evidence:
            return disk_full("PostgreSQL does not start", evidence)
        return ServiceFailed(
            f"PostgreSQL does not start: {why}",
            context=evidence,
            hint=f"Its log is {self._log}. It is tried again by itself.",
        )

    @property
    def _log(self) -> Path:
        return self._cluster.shim / "output.log"


class ExternalServer:
    """A server that somebody else keeps. Its user must be able to make roles and databases."""

    exists = True
    data = None

    def __init__(self, url: str, runner: ProcessRunner) -> None:
        """Raises UsageError for what is no URL of a PostgreSQL server."""
        self._connection = connection_of(url)
        self._runner = runner
        self.host = self._connection.host
        self._programs: Programs | None = None

    @property
    def port(self) -> int:
        return self._connection.port

    def describe(self, programs: str) -> str:
        return f"the server at {self.host}:{self.port}, by the programs of {programs}"

    async def start(self) -> None:
        await (await self.admin()).run("SELECT", timeout=30)

    async def stop(self) -> None:
        """Not ours to stop."""

    async def running(self) -> bool:
        with contextlib.suppress(ServiceFailed):
            await self.start()
            return True
        return False

    async def admin(self) -> Psql:
        return Psql(self._runner, (await self.programs())["psql"], self._connection)

    async def programs(self) -> Programs:
        """Of the server's version, else the next newer: pg_dump reads no newer server, pg_restore no older one well."""
        if self._programs is None:
            found = await installed(self._runner)
            asking = Psql(self._runner, choose(found, None)["psql"], self._connection)
            major = await asking.value("SELECT current_setting('server_version_num')::int / 10000")
            fit = sorted((each for each in found if each.major >= major), key=lambda each: each.major)
            self._programs = choose(fit, None if fit else major)
        return self._programs
