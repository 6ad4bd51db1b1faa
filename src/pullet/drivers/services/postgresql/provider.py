"""`ServiceProvider` for PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from pullet.domain.home import Home
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from pullet.drivers.process import ProcessRunner
from pullet.drivers.services.postgresql.databases import Databases
from pullet.drivers.services.postgresql.records import Record, Records
from pullet.drivers.services.postgresql.server import ExternalServer, ManagedServer, Server
from pullet.drivers.services.postgresql.sql import Connection
from pullet.drivers.supervision import Supervisor


class PostgresProvider:
    """One server a target, one database and one role a service.

    `external` is the URL of a server that somebody else keeps, with a user that may make roles and databases; without
    it Pullet keeps a server of its own in `Home.services`, made when the first database is asked for.
    """

    type = ServiceType.POSTGRESQL

    def __init__(
        self, home: Home, runner: ProcessRunner, supervisor: Supervisor, *, external: str | None = None
    ) -> None:
        """Raises UsageError where `external` is no URL of a PostgreSQL server."""
        self._server: Server = ExternalServer(external, runner) if external else ManagedServer(home, runner, supervisor)
        self._records = Records(home.services / "postgresql" / "databases")
        self._locks: defaultdict[ServiceKey, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        await self._server.start()
        async with self._locks[key]:
            record = self._records.open(key)
            await self._have(record)
            await (await self._databases()).extend(record.name, spec.extensions)
        return self._grant(record)

    async def _have(self, record: Record) -> None:
        databases = await self._databases()
        found = await databases.find([record.name])
        if record.ready and record.name in found and found[record.name].open:
            return
        await databases.role(record.name, record.password)
        if record.name not in found:
            await databases.create(record.name, record.name)
        await databases.open(record.name)
        self._records.mark_ready(record)

    async def _databases(self) -> Databases:
        return Databases(await self._server.admin())

    def _grant(self, record: Record) -> Grant:
        connection = Connection(self._server.host, self._server.port, record.name, record.password, record.name)
        plain = {
            "DATABASE_URL": connection.url,
            "PGHOST": connection.host,
            "PGPORT": str(connection.port),
            "PGUSER": connection.user,
            "PGPASSWORD": connection.password,
            "PGDATABASE": connection.database,
        }
        return Grant(variables=tuple(plain.items()), secrets=(connection.password, connection.url))
