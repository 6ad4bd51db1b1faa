"""Dumps and their restoring: pg_dump reads as the superuser, pg_restore writes as the role that will own the copy.

What a database holds is its app's own, and restoring it runs some of that (check constraints, expression indexes…):
in a session of the superuser it could make its app one. So extensions, which need one, are made apart, by name.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, RuntimeFailed, expected_of
from pullet.drivers.process import ProcessRunner
from pullet.drivers.services.postgresql.databases import Databases
from pullet.drivers.services.postgresql.programs import Programs
from pullet.drivers.services.postgresql.sql import SAFE_PATH, Connection, failed, identifier
from pullet.drivers.services.postgresql.work import PIPE

_LONG = 6 * 3600.0  # seconds
_EXTENSION = re.compile(r"\d+; \d+ \d+ (COMMENT - )?EXTENSION ")
_SCHEMA = re.compile(r"\d+; \d+ \d+ SCHEMA ")
# Indexes are built faster; a crash means doing it again, so nothing waits for the disk before the end.
_HASTE = "-c maintenance_work_mem=256MB -c max_parallel_maintenance_workers=2 -c synchronous_commit=off"
_OTHERS = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions")
_READ = (*_OTHERS, "--no-security-labels", "--compress=0", "--no-sync", "--lock-wait-timeout=600000")
_WRITE = (*_OTHERS, "--no-security-labels", "--single-transaction")  # what is made in it is loaded without WAL


@dataclass(frozen=True)
class Extension:
    name: str
    schema: str


@dataclass(frozen=True)
class Owned:
    """A database to be made, and whose it will be."""

    database: str
    role: str
    password: str

    def connection(self, admin: Connection) -> Connection:
        """As its owner, on the way that the administrator comes."""
        return replace(admin, user=self.role, password=self.password, database=self.database)


@dataclass(frozen=True)
class Copying:
    runner: ProcessRunner
    programs: Programs
    databases: Databases

    async def dump(self, database: str, folder: Path) -> None:
        """Write the database, as of one moment, into `folder`, which is made. Not compressed: a backup store does that,
        and finds what is the same as in the last dump. Not synced."""
        argv = (self.programs["pg_dump"], "--format=directory", *_READ, f"--file={folder}")
        await self._run(f"Could not read {database}", argv, self.databases.admin.connection.to(database))

    async def extensions(self, database: str) -> Sequence[Extension]:
        query = (
            "SELECT extname AS name, nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
            "WHERE extname <> 'plpgsql' ORDER BY pg_extension.oid"
        )
        return [Extension(**row) for row in await self.databases.admin.to(database).rows(query)]

    async def transfer(self, origin: str, work: Path, copy: Owned) -> None:
        """Make `copy` of what the origin holds now. Reading and writing go on at once where the dump can be restored
        in one go; `work` is an empty folder."""
        extensions = await self.extensions(origin)
        if not self._in_one_go(extensions):
            await self.dump(origin, work / "dump")
            await self.restore(work / "dump", extensions, copy)
            return
        await self._create(copy)
        await self._extend(copy.database, extensions)
        pipe = work / PIPE
        os.mkfifo(pipe, 0o600)
        without = ("--exclude-extension=*",) if extensions else ()
        reading = (self.programs["pg_dump"], "--format=custom", *_READ, *without, f"--file={pipe}", origin)
        writing = (self.programs["pg_restore"], "--format=custom", *_WRITE, f"--dbname={copy.database}", str(pipe))
        admin = self.databases.admin.connection
        try:
            async with asyncio.TaskGroup() as tasks:  # the end of one ends the other, which would wait at the pipe
                tasks.create_task(self._run(f"Could not read {origin}", reading, admin), name=f"dump:{origin}")
                done = self._run(f"Could not write {copy.database}", writing, copy.connection(admin))
                tasks.create_task(done, name=f"restore:{copy.database}")
        except BaseExceptionGroup as failures:
            if (failure := expected_of(failures)) is None:
                raise
            raise failure from None

    def _in_one_go(self, extensions: Sequence[Extension]) -> bool:
        """Extensions have to be left out of what is restored, which old programs can do by a list only."""
        return not extensions or (self.programs.major >= 17 and all(each.schema == "public" for each in extensions))

    async def _create(self, copy: Owned) -> None:
        await self.databases.drop(copy.database)
        await self.databases.create(copy.database, copy.role)

    async def restore(self, folder: Path, extensions: Sequence[Extension], copy: Owned) -> None:
        """Make `copy` of what `dump` wrote. Half of it is left after a failure."""
        await self._create(copy)
        admin = self.databases.admin.connection
        mine = copy.connection(admin)
        listing = (self.programs["pg_restore"], "--list", str(folder))
        entries = (await self._run("The dump cannot be read", listing, admin)).splitlines()
        schemas = [entry for entry in entries if _SCHEMA.match(entry)]
        await self._restore(folder, schemas, mine)
        await self._extend(copy.database, extensions)
        done = {*schemas, *filter(_EXTENSION.match, entries)}
        await self._restore(folder, [entry for entry in entries if entry not in done], mine)

    async def _extend(self, database: str, extensions: Sequence[Extension]) -> None:
        await self.databases.allow([each.name for each in extensions], database)
        admin = self.databases.admin.to(database)
        for each in extensions:
            how = f"{identifier(each.name)} SCHEMA {identifier(each.schema)}"
            if each.schema == "pg_catalog":
                how = identifier(each.name)
            await admin.run("SET client_min_messages = warning", f"CREATE EXTENSION IF NOT EXISTS {how} CASCADE")
        # What users may add to an extension's own tables is part of a dump.
        tables = await admin.rows("SELECT unnest(extconfig)::regclass::text AS name FROM pg_extension")
        everybody = identifier(await admin.value(_OWNER))
        await admin.run(*(f"GRANT INSERT ON {row['name']} TO {everybody}" for row in tables))

    async def _restore(self, folder: Path, entries: Sequence[str], connection: Connection) -> None:
        if not any(re.match(r"\d+;", entry) for entry in entries):
            return
        with tempfile.NamedTemporaryFile("w", suffix=".list") as file:
            await asyncio.to_thread(file.write, "\n".join(entries))
            file.flush()
            argv = (self.programs["pg_restore"], *_WRITE)
            where = (f"--use-list={file.name}", f"--dbname={connection.database}", str(folder))
            await self._run(f"Could not restore into {connection.database}", (*argv, *where), connection)

    async def _run(self, trouble: str, argv: tuple[str, ...], connection: Connection) -> str:
        environment = {**connection.environment, "PGOPTIONS": f"{SAFE_PATH} {_HASTE}"}
        secrets = (connection.password,)
        command = Command(argv, environment=environment, timeout=_LONG, secrets=secrets, output_limit=16 << 20)
        try:
            return (await self.runner.run(command)).text
        except (CommandFailed, RuntimeFailed) as err:
            raise failed(trouble, err) from err


_OWNER = "SELECT rolname FROM pg_roles r JOIN pg_database d ON d.datdba = r.oid WHERE datname = current_database()"
