"""What the PostgreSQL suites share: a home with a server of its own, and an app that talks to its database."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pullet.domain.home import Home
from pullet.domain.services import Grant, ServiceType
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.services.postgresql.cluster import Cluster
from pullet.drivers.services.postgresql.programs import choose, installed
from pullet.drivers.services.postgresql.provider import PostgresProvider
from pullet.drivers.services.postgresql.sql import Connection, Psql, literal
from tests.contract.services import ServiceWorld

_T = TypeVar("_T")


class PostgresWorld(ServiceWorld):
    type = ServiceType.POSTGRESQL

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.runner = ProcessRunner()
        self.supervisor = ShimSupervisor(self.runner, cgroups.detect(), use_systemd=False)
        self.cluster = Cluster(self.home)
        self.psql = run_apart(_psql(self.runner))
        self.provider = self.reopened()

    def reopened(self) -> PostgresProvider:
        return PostgresProvider(self.home, self.runner, self.supervisor)

    def app(self, grant: Grant) -> Psql:
        """SQL as the app: through the network, with its password."""
        return Psql(self.runner, self.psql, connection_in(grant))

    def superuser(self, database: str = "postgres") -> Psql:
        return Psql(
            self.runner,
            self.psql,
            Connection(str(self.cluster.sockets), self.cluster.port, "pullet", self.cluster.password, database),
        )

    async def write(self, grant: Grant, name: str) -> None:
        await self.app(grant).run(
            "SET client_min_messages = warning",
            "CREATE TABLE IF NOT EXISTS public.record (name text PRIMARY KEY)",
            f"INSERT INTO public.record VALUES ({literal(name)})",
        )

    async def read(self, grant: Grant) -> set[str]:
        app = self.app(grant)
        if not await app.value("SELECT to_regclass('public.record')::text"):
            return set()
        return {row["name"] for row in await app.rows("SELECT name FROM public.record")}


def connection_in(grant: Grant) -> Connection:
    given = dict(grant.variables)
    user, password, database = given["PGUSER"], given["PGPASSWORD"], given["PGDATABASE"]
    return Connection(given["PGHOST"], int(given["PGPORT"]), user, password, database, {"PGOPTIONS": ""})


@contextmanager
def postgres_world() -> Iterator[PostgresWorld]:
    """pytest's own folders are closed to other users, and the server is one: hence mkdtemp."""
    root = Path(tempfile.mkdtemp(prefix="pullet-pg-"))
    root.chmod(0o711)
    try:
        with postgres_world_in(root) as world:
            yield world
    finally:
        shutil.rmtree(root)


@contextmanager
def postgres_world_in(root: Path) -> Iterator[PostgresWorld]:
    """In a folder that others may pass through and that somebody else removes."""
    world = PostgresWorld(root)
    try:
        yield world
    finally:
        run_apart(world.provider.stop())
        if not world.home.sockets.is_relative_to(root):
            shutil.rmtree(world.home.sockets, ignore_errors=True)


def run_apart(work: Coroutine[None, None, _T]) -> _T:
    """In a loop of a thread of its own: for fixtures that outlive the loop of a test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _psql(runner: ProcessRunner) -> str:
    return choose(await installed(runner), None)["psql"]


def is_root() -> bool:
    return os.geteuid() == 0
