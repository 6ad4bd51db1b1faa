"""`ServiceProvider` for PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pullet.domain.errors import PulletError, ServiceFailed
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, is_trial
from pullet.domain.runtime import Capability
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType, Shell
from pullet.drivers.process import ProcessRunner
from pullet.drivers.services import sealed
from pullet.drivers.services.postgresql.copies import Copies, Witness, work_of
from pullet.drivers.services.postgresql.copying import Copying, Extension, Owned
from pullet.drivers.services.postgresql.databases import Databases, Found
from pullet.drivers.services.postgresql.records import Record, Records
from pullet.drivers.services.postgresql.server import ExternalServer, ManagedServer, Server
from pullet.drivers.services.postgresql.sql import Connection
from pullet.drivers.services.postgresql.work import clear
from pullet.drivers.services.trouble import explained
from pullet.drivers.supervision import Supervisor
from pullet.ports import LogSink

_NEW, _OLD = "_new", "_old"


class PostgresProvider:
    """One server a target, one database and one role a service.

    `external` is the URL of a server that somebody else keeps, with a user that may make roles and databases; without
    it Pullet keeps a server of its own in `Home.postgresql`, made when the first database is asked for.
    """

    type = ServiceType.POSTGRESQL

    def __init__(
        self, home: Home, runner: ProcessRunner, supervisor: Supervisor, *, external: str | None = None
    ) -> None:
        """Raises UsageError where `external` is no URL of a PostgreSQL server."""
        self._server: Server = ExternalServer(external, runner) if external else ManagedServer(home, runner, supervisor)
        self._runner = runner
        self._records = Records(home.postgresql / "databases")
        self._locks: defaultdict[ServiceKey, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._origins: defaultdict[ServiceKey, asyncio.Lock] = defaultdict(asyncio.Lock)  # taken after that of `_locks`

    @explained
    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        await self._server.start()
        async with self._locks[key]:
            record = self._records.open(key)
            await self._have(record, makes_databases=is_trial(key.environment))
            await (await self._databases()).extend(record.name, spec.extensions)
        return self._grant(record, spec)

    async def _have(self, record: Record, *, makes_databases: bool = False) -> None:
        await asyncio.to_thread(clear, work_of(self._records.folder, record.name + _NEW))
        databases = await self._databases()
        found = await databases.find([record.name, *_unfinished(record)])
        if left := [name for name in _unfinished(record) if name in found]:
            await databases.drop(*left)
        if record.ready and record.name in found and found[record.name].open:
            return
        await databases.role(record.name, record.password, makes_databases=makes_databases)
        if record.name not in found:
            await databases.create(record.name, record.name)
        await databases.open(record.name)
        self._records.mark_ready(record)

    async def _databases(self) -> Databases:
        return Databases(await self._server.admin())

    def _grant(self, record: Record, spec: ServiceSpec) -> Grant:
        connection = Connection(self._server.host, self._server.port, record.name, record.password, record.name)
        plain = {
            "DATABASE_URL": connection.url,
            f"{re.sub('[^A-Z0-9]', '_', spec.name.upper())}_URL": connection.url,
            "PGHOST": connection.host,
            "PGPORT": str(connection.port),
            "PGUSER": connection.user,
            "PGPASSWORD": connection.password,
            "PGDATABASE": connection.database,
        }
        return Grant(variables=tuple(plain.items()), secrets=(connection.password, connection.url))

    async def seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        """A repository brings no data of a server."""

    @explained
    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:
        grant = await self.provide(key, spec)
        psql = (await self._server.admin()).program
        # Programs of the wheel lie in the home, which a sandbox does not show.
        folders = () if psql.startswith("/usr/") else (str(Path(psql).parents[1]),)
        return Shell((psql,), tuple(each for each in grant.variables if each[0].startswith("PG")), folders)

    @explained
    async def ensure(self) -> None:
        if self._server.exists and self._records.all():
            await self._server.start()

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        records = [each for each in self._records.all() if environment in (None, each.key.environment)]
        if not records:
            return ()
        if not await self._server.running():
            return tuple(ServiceState(each.key, self.type, False, 0, "PostgreSQL does not run") for each in records)
        databases = await self._databases()
        found = await databases.find([record.name for record in records])
        return tuple(_state(record, found.get(record.name)) for record in records)

    @explained
    async def clone(self, origin: ServiceKey, key: ServiceKey, spec: ServiceSpec, log: LogSink) -> Grant:
        source = self._records.get(origin)
        if source is None or origin == key:
            raise ServiceFailed(f"{key} cannot be a copy of {origin}", context="There is no such database to copy.")
        await self.provide(key, spec)
        async with self._locks[key], self._origins[origin]:
            target = self._records.open(key)
            copies = await self._copies()
            async with copies.copying.databases.whole_or_not_there(target.name + _NEW):
                await copies.make(source, target, target.name + _NEW, log)
                await self._put_in_place(target, spec)
        return self._grant(target, spec)

    @explained
    async def dump(self, key: ServiceKey, folder: Path) -> None:
        record = self._records.get(key)
        if record is None:
            raise ServiceFailed(f"There is no database {key}")
        await self._server.start()
        copying = await self._copying()
        await copying.dump(record.name, folder / "database")
        extensions = json.dumps([asdict(each) for each in await copying.extensions(record.name)])
        await asyncio.to_thread(partial(sealed.seal, folder, type=self.type, extensions=extensions))

    @explained
    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:
        extensions = _extensions(await asyncio.to_thread(sealed.check, folder), folder)
        await self.provide(key, spec)
        async with self._locks[key]:
            record = self._records.open(key)
            copying = await self._copying()
            copy = Owned(record.name + _NEW, record.name, record.password)
            async with copying.databases.whole_or_not_there(copy.database):
                await copying.restore(folder / "database", extensions, copy)
                await self._put_in_place(record, spec)

    async def _put_in_place(self, record: Record, spec: ServiceSpec) -> None:
        """The new database, now whole, becomes the service's; the one that was is dropped."""
        databases = await self._databases()
        await databases.extend(record.name + _NEW, spec.extensions)
        await databases.drop(record.name + _OLD)
        await databases.swap(record.name + _NEW, record.name, record.name + _OLD)
        with contextlib.suppress(PulletError):  # the new one counts already; the next `provide` drops what is left
            await databases.drop(record.name + _OLD)

    @explained
    async def remove(self, key: ServiceKey) -> None:
        record = self._records.get(key)
        if record is None:
            return
        await self._server.start()
        async with self._locks[key], self._origins[key]:
            databases = await self._databases()
            await asyncio.to_thread(clear, work_of(self._records.folder, record.name + _NEW))
            await databases.drop(record.name, *_unfinished(record), *await databases.owned_by(record.name))
            await (await self._copies()).remove(record)
            await databases.drop_role(record.name)
            self._records.remove(key)

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        """Of one environment there is nothing to stop: the server is everybody's."""
        if environment is None:
            await self._server.stop()

    async def capabilities(self) -> Sequence[Capability]:
        try:
            programs = str(await self._server.programs())
        except ServiceFailed as err:
            return (Capability("postgresql", False, err.message, err.hint),)
        return (Capability("postgresql", True, self._server.describe(programs)),)

    async def _copying(self) -> Copying:
        return Copying(self._runner, await self._server.programs(), await self._databases())

    async def _copies(self) -> Copies:
        copying = await self._copying()
        return Copies(copying, Witness(copying.databases.admin, self._server.data), self._records.folder)


def _unfinished(record: Record) -> tuple[str, str]:
    """What a clone or load that was cut short may have left behind."""
    return record.name + _NEW, record.name + _OLD


def _state(record: Record, found: Found | None) -> ServiceState:
    if found is None or not found.open:
        size = found.size if found else 0
        return ServiceState(record.key, ServiceType.POSTGRESQL, False, size, f"{record.name} is not there or closed")
    return ServiceState(record.key, ServiceType.POSTGRESQL, True, found.size, record.name)


def _extensions(facts: Mapping[str, str], folder: Path) -> list[Extension]:
    try:
        return [Extension(str(each["name"]), str(each["schema"])) for each in json.loads(facts["extensions"])]
    except (KeyError, TypeError, ValueError) as err:
        raise ServiceFailed(f"{folder} is no dump of PostgreSQL", context=str(err)) from err
