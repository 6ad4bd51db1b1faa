"""Roles and databases of a server, through its superuser (or a role that may make both)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from pullet.domain.errors import PulletError, Retry, ServiceFailed
from pullet.drivers.services.postgresql.sql import Psql, identifier, literal, verifier

_CONNECTIONS = 80  # of one role: no environment can take all of the server's
_LONG = 600.0  # seconds: copying a large database
# Beyond what PostgreSQL calls trusted: widely wanted, and of no use to reach files, programs or other databases.
_TRUSTED_TOO = frozenset({"vector", "postgis", "postgis_topology", "postgis_raster", "pg_stat_statements"})


@dataclass(frozen=True)
class Found:
    name: str
    size: int
    """Bytes."""
    open: bool
    """Lets connections in."""


@dataclass(frozen=True)
class Databases:
    admin: Psql

    async def find(self, names: Sequence[str]) -> dict[str, Found]:
        wanted = ", ".join(literal(name) for name in names) or "NULL"
        columns = "datname AS name, pg_database_size(oid) AS size, datallowconn AS open"
        query = f"SELECT {columns} FROM pg_database WHERE datname IN ({wanted})"  # noqa: S608 - quoted
        return {row["name"]: Found(**row) for row in await self.admin.rows(query)}

    async def role(self, name: str, password: str, *, makes_databases: bool = False) -> None:
        """A role that can log in and nothing else, with this password; `makes_databases`: as suites of tests do."""
        role = identifier(name)
        known = await self.admin.value(f"SELECT 1 FROM pg_roles WHERE rolname = {literal(name)}")  # noqa: S608
        may = "CREATEDB" if makes_databases else "NOCREATEDB"
        how = f"LOGIN {may} CONNECTION LIMIT {_CONNECTIONS} PASSWORD {literal(verifier(password))}"
        verb = "ALTER" if known else "CREATE"
        # Who makes databases for a role must be a member of it, where he is no superuser.
        await self.admin.run(f"{verb} ROLE {role} {how}", f"GRANT {role} TO CURRENT_USER")

    async def create(self, name: str, owner: str) -> None:
        """An empty database, closed to everybody but its owner."""
        await self._made(name, owner, "TEMPLATE template0 ENCODING 'UTF8'")

    async def copy(self, origin: str, name: str, owner: str) -> None:
        """A file copy of a database that nobody is connected to."""
        await self._made(name, owner, f"TEMPLATE {identifier(origin)}")

    async def _made(self, name: str, owner: str, how: str) -> None:
        database, role = identifier(name), identifier(owner)
        await self.admin.run(
            f"CREATE DATABASE {database} OWNER {role} {how}",
            f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
            timeout=_LONG,
        )
        version = await self.admin.value("SELECT current_setting('server_version_num')::int")
        if version < 150_000:  # from 15 on the schema is the database owner's
            await self.admin.to(name).run(f"ALTER SCHEMA public OWNER TO {role}")

    async def open(self, name: str) -> None:
        await self.admin.run(f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true")

    async def drop(self, *names: str) -> None:
        """Those that there are, whoever is connected."""
        statements = [f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)" for name in names]
        await self.admin.run(*_QUIET, *statements, timeout=_LONG)

    @contextlib.asynccontextmanager
    async def whole_or_not_there(self, name: str) -> AsyncIterator[None]:
        """Where what makes this database fails, half of it takes up no room. A server that is down keeps it."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(PulletError):
                await asyncio.shield(self.drop(name))
            raise

    async def owned_by(self, role: str) -> tuple[str, ...]:
        """Names of all databases of the role."""
        owner = f"(SELECT oid FROM pg_roles WHERE rolname = {literal(role)})"  # noqa: S608 - quoted
        query = f"SELECT datname AS name FROM pg_database WHERE datdba = {owner}"  # noqa: S608
        return tuple(str(row["name"]) for row in await self.admin.rows(query))

    async def drop_role(self, name: str) -> None:
        await self.admin.run(*_QUIET, f"DROP ROLE IF EXISTS {identifier(name)}")

    async def swap(self, new: str, name: str, old: str) -> None:
        """In one transaction `name` becomes `old` and `new` becomes `name`; connections to `name` are ended."""
        database = identifier(name)
        await self.admin.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        try:
            await self.admin.run(
                f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = {literal(name)}",  # noqa: S608
                "BEGIN",
                f"ALTER DATABASE {database} RENAME TO {identifier(old)}",
                f"ALTER DATABASE {identifier(new)} RENAME TO {database}",
                "COMMIT",
            )
        except ServiceFailed:
            await self.open(name)
            raise

    async def extend(self, name: str, extensions: Sequence[str]) -> None:
        """Have these extensions in the database. Raises ServiceFailed for those that cannot be had here."""
        present = await self.extensions(name)
        missing = [each for each in extensions if each not in present]
        if not missing:
            return
        await self.allow(missing, name)
        statements = [f"CREATE EXTENSION IF NOT EXISTS {identifier(each)} CASCADE" for each in missing]
        await self.admin.to(name).run(*_QUIET, "SET search_path = public", *statements)

    async def allow(self, extensions: Sequence[str], name: str) -> None:
        """Raises ServiceFailed where one of them is missing here, or gives its user more than SQL."""
        available = await self._available(name) if extensions else set()
        for each in extensions:
            if each not in available:
                raise _unavailable(each, available)

    async def extensions(self, name: str) -> set[str]:
        return {row["extname"] for row in await self.admin.to(name).rows("SELECT extname FROM pg_extension")}

    async def _available(self, name: str) -> set[str]:
        """Those that give their user no more than SQL."""
        query = "SELECT name, bool_or(trusted) AS trusted FROM pg_available_extension_versions GROUP BY name"
        rows = await self.admin.to(name).rows(query)
        return {row["name"] for row in rows if row["trusted"] or row["name"] in _TRUSTED_TOO}


_QUIET = ("SET client_min_messages = warning",)


def _unavailable(name: str, available: set[str]) -> ServiceFailed:
    return ServiceFailed(
        f"The PostgreSQL extension {name!r} cannot be had on this box",
        context="Available: " + ", ".join(sorted(available)),
        hint="Correct `extensions` in pullet.toml, or install the extension's package beside the box's PostgreSQL.",
        retry=Retry.NEXT_REVISION,
    )
