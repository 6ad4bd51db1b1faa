"""One SQLite file: opening, migrating, transactions, and what its errors mean.

WAL with `synchronous = NORMAL`: a write that was acknowledged survives the death of this process at any moment. After
a power cut the last writes may be missing (never half there), which costs a little history: what runs is read from
the box, and what should run from git.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from pullet.domain.errors import DiskFull, Retry, StoreError

_BUSY_TIMEOUT = 2000  # milliseconds; somebody else may look at the file with the sqlite3 program
_JOURNAL_LIMIT = 4 << 20  # bytes that the WAL file keeps after a checkpoint
_SETTINGS = (
    f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}",
    "PRAGMA foreign_keys = ON",
)
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _Corrupt(Exception):
    """The file is damaged, or was never a database."""


class Database:
    """A connection to the file at `path` (None: in memory), with its schema brought up to date.

    A damaged file is moved aside, and a fresh one begun: see `moved_aside`. Raises StoreError where the file cannot be
    opened or was written by a newer Pullet.
    """

    def __init__(self, path: Path | None, now: float) -> None:
        self.moved_aside: Path | None = None
        """Where a damaged file went when this database was opened."""
        self._path = path
        try:
            self._connection = _open(path)
        except _Corrupt:
            assert path is not None
            self.moved_aside = _move_aside(path, now)
            self._connection = _open(path)

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing. Does not nest."""
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite has rolled back by itself when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def write(self, sql: str, *values: object) -> int:
        """Run one statement; return how many rows it changed."""
        with self._errors():
            return self._connection.execute(sql, [_storable(value) for value in values]).rowcount

    def rows(self, sql: str, *values: object) -> Sequence[sqlite3.Row]:
        with self._errors():
            return self._connection.execute(sql, [_storable(value) for value in values]).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        return next(iter(self.rows(sql, *values)), None)

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row; None where there is none."""
        row = self.row(sql, *values)
        return None if row is None else row[0]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a bug of ours, not trouble with the file
        except sqlite3.DatabaseError as err:
            raise _explain(err, self._path) from err


def _storable(value: object) -> object:
    """SQLite takes no lone surrogates, which a hostile file name or output may hold."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _open(path: Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # variables are nobody else's business
        connection = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
    except (OSError, sqlite3.Error) as err:
        raise _explain(err, path) from err
    connection.row_factory = sqlite3.Row
    try:
        _check(connection, path)
        for setting in _SETTINGS:
            connection.execute(setting)
        _migrate(connection)
    except BaseException as err:
        connection.close()
        if isinstance(err, sqlite3.DatabaseError):
            if _primary_code(err) in _CORRUPT:
                raise _Corrupt from err
            raise _explain(err, path) from err
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse what must not be touched before anything is written."""
    connection.execute(_SETTINGS[0])
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _Corrupt(verdict)
    version, known = _version(connection), len(_migrations())
    if version > known:
        raise StoreError(
            f"{path} was written by a newer Pullet",
            context=f"Its schema has number {version}; this Pullet knows up to {known}.",
            hint="Install the newer Pullet again. Or move the file away: history is lost, apps keep serving.",
            retry=Retry.NEVER,
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, each migration whole or not at all."""
    for number, script in enumerate(_migrations(), start=1):
        if number > _version(connection):
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _migrations() -> Sequence[str]:
    """The scripts by number, without a gap: 0001.sql, 0002.sql…"""
    folder = resources.files("pullet.store") / "migrations"
    scripts = sorted(
        (file for file in folder.iterdir() if re.fullmatch(r"\d{4}\.sql", file.name)), key=lambda f: f.name
    )
    return [script.read_text("utf-8") for script in scripts]


def _move_aside(path: Path, now: float) -> Path:
    """The WAL first: interrupted in between, the damaged file is still there to be found damaged."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    return aside


def _primary_code(err: BaseException) -> int:
    return getattr(err, "sqlite_errorcode", 0) & 0xFF


def _explain(err: Exception, path: Path | None) -> StoreError | DiskFull:
    if _primary_code(err) == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"The disk is full: {path} could not be written",
            context=str(err),
            hint="Free some space; `pullet doctor` shows what Pullet itself uses. Nothing that was live has changed.",
        )
    if _primary_code(err) in _CORRUPT:
        hint = "Restart Pullet: it sets the damaged file aside and begins a fresh one. Apps keep serving."
    else:
        hint = "See that Pullet's home is there and writable, and that nothing else holds the file."
    return StoreError(f"The state database {path} cannot be used", context=str(err), hint=hint)
