"""Copies of a database that is in use.

A file copy is fastest, but PostgreSQL makes one only of a database that nobody is connected to. So a copy is restored
from a dump. Where the origin is at rest (the second copy finds it as the first did), one is kept: closed to everybody,
for file copies of it for as long as its origin has not changed. Whether it has is seen on the origin's files: see
`Witness`. In doubt it has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from pullet.drivers.services.postgresql.copying import Copying, Owned
from pullet.drivers.services.postgresql.records import Record
from pullet.drivers.services.postgresql.sql import Psql, identifier, literal, write_private
from pullet.drivers.services.postgresql.work import clear, workplace
from pullet.ports import LogSink

_SETTLED = 0.05  # seconds; more than the grain of a file's time
_KEPT = "_copy"
_SEEN = "_seen"


@dataclass(frozen=True)
class Witness:
    """Tells whether a database was written to, by its files: their names, sizes and times after a checkpoint.

    After a checkpoint everything committed is in the files; whatever is committed later changes a file by the next
    checkpoint. Only a transaction under way could have its pages in the files already and commit without touching them
    again: so a state is one to compare with only where none was under way, nor came by, in the whole server.
    """

    admin: Psql
    data: Path | None
    """The server's data folder; None where it is out of reach: then everything has changed always."""

    async def moment(self) -> str:
        """Of the whole server: two that are equal have no write between them. Empty while one is under way."""
        xmin, xmax = str(await self.admin.value("SELECT pg_current_snapshot()::text AS now")).split(":")[:2]
        return xmax if xmin == xmax else ""

    async def settle(self, database: str) -> None:
        """Have done what else the next read would do to the files: PostgreSQL marks on a row that it is committed."""
        if self.data is not None:
            await self.admin.to(database).run("VACUUM", timeout=3600)

    async def state(self, database: str) -> str:
        """Digest of the files; empty where there is none to compare with."""
        if self.data is None:
            return ""
        await self.admin.run("CHECKPOINT", timeout=600)
        oid = await self.admin.value(f"SELECT oid::text FROM pg_database WHERE datname = {literal(database)}")  # noqa: S608
        await asyncio.sleep(_SETTLED)
        return await asyncio.to_thread(_digest, self.data / "base" / oid)

    async def state_as_of(self, database: str, moment: str) -> str:
        """The state, where nothing was written since `moment`; else empty."""
        state = await self.state(database)
        return state if moment and moment == await self.moment() else ""


@dataclass(frozen=True)
class Copies:
    copying: Copying
    witness: Witness
    folder: Path
    """For dumps on their way and for what the kept copies are copies of."""

    async def make(self, origin: Record, target: Record, database: str, log: LogSink) -> None:
        """`database`, which is made anew and belongs to the target's role, gets what the origin holds now."""
        clear(work_of(self.folder, origin.name + _KEPT))  # of a copy that was killed
        if await self._is_current(origin):
            log(f"{origin.key} has not changed since its last copy: copying that one's files")
            await self._from_kept(origin, target, database)
            return
        log(f"copying {origin.key} to {target.key}")
        if state := await self._state_at_rest(origin):
            await self._keep(origin, state)
            await self._from_kept(origin, target, database)
            return
        await self._forget(origin)
        await self.copying.databases.drop(origin.name + _KEPT)
        await self.witness.settle(origin.name)
        state = await self._state(origin)
        await self._transfer(origin, database, target.name, target.password)
        write_private(self._note(origin, _SEEN), state)

    async def _state_at_rest(self, origin: Record) -> str:
        """The state where it is as at the last copy, so that the next one will probably find the same; else empty."""
        seen = self._read(origin, _SEEN)
        return seen if seen and seen == await self._state(origin) else ""

    async def _state(self, origin: Record) -> str:
        """To compare with later; empty where something was being written."""
        return await self.witness.state_as_of(origin.name, await self.witness.moment())

    async def remove(self, record: Record) -> None:
        await self._forget(record)
        clear(work_of(self.folder, record.name + _KEPT))
        await self.copying.databases.drop(record.name + _KEPT)
        await self.copying.databases.drop_role(record.name + _KEPT)

    async def _keep(self, origin: Record, state: str) -> None:
        """Make the copy to keep, of an origin that is at least in that state."""
        self._note(origin, _KEPT).unlink(missing_ok=True)
        kept, password = origin.name + _KEPT, secrets.token_urlsafe(24)
        await self.copying.databases.role(kept, password)
        async with self.copying.databases.whole_or_not_there(kept):
            await self._transfer(origin, kept, kept, password)
        # Its role owns what is in it and nothing else: who owns a file copy's content can be changed at one stroke.
        await self.copying.databases.admin.run(
            f"ALTER DATABASE {identifier(kept)} OWNER TO CURRENT_USER",
            f"ALTER ROLE {identifier(kept)} NOLOGIN PASSWORD NULL",
            f"ALTER DATABASE {identifier(kept)} ALLOW_CONNECTIONS false",
        )
        write_private(self._note(origin, _KEPT), state)

    async def _transfer(self, origin: Record, database: str, role: str, password: str) -> None:
        async with workplace(work_of(self.folder, database)) as work:
            await self.copying.transfer(origin.name, work, Owned(database, role, password))

    async def _from_kept(self, origin: Record, target: Record, database: str) -> None:
        databases, kept = self.copying.databases, origin.name + _KEPT
        await databases.drop(database)
        await databases.copy(kept, database, target.name)
        change = f"REASSIGN OWNED BY {identifier(kept)} TO {identifier(target.name)}"
        await databases.admin.to(database).run(change)

    async def _is_current(self, origin: Record) -> bool:
        state = self._read(origin, _KEPT)
        if not state or not await self.copying.databases.find([origin.name + _KEPT]):
            return False
        return state == await self.witness.state(origin.name)

    async def _forget(self, origin: Record) -> None:
        for kind in (_KEPT, _SEEN):
            self._note(origin, kind).unlink(missing_ok=True)

    def _read(self, origin: Record, kind: str) -> str:
        note = self._note(origin, kind)
        return note.read_text() if note.exists() else ""

    def _note(self, origin: Record, kind: str) -> Path:
        """Of the state that the kept copy is of, or that the last copy was made of."""
        return self.folder / f"{origin.name}{kind}"


def work_of(folder: Path, database: str) -> Path:
    """Where a copy to that database works."""
    return folder / f"{database}.work"


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name == "pg_internal.init":  # a cache, made at the first connection after a start
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            return ""
        digest.update(f"{path.name} {status.st_ino} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
