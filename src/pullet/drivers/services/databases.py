"""Consistent copies of SQLite databases that hostile apps write to.

Pullet never lets SQLite open an app's own files: to roll a journal back means to delete the file that the journal
names, a pipe put in a file's place never opens, and whoever maps a `-shm` dies when the app cuts it short. Instead the
files are copied byte by byte while SQLite's own locks, taken to read, keep them still (sqlite.org/lockingv3.html,
sqlite.org/walformat.html section 2.3); what a killed writer left is then rolled back in the copy, where nobody else
can write.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pullet.domain.errors import ServiceFailed
from pullet.drivers.services import trees
from pullet.drivers.services.untrusted import open_file

_PATIENCE = 30.0  # seconds that a writer may hold us off
_PENDING, _RESERVED, _SHARED = 0x40000000, 0x40000001, 0x40000002
_SHARED_LENGTH = 510
_CHECKPOINT = 121  # of -shm: held to read, nothing is moved from the WAL to the database
_FLOCK = "@hhqqi0q"  # struct flock of fcntl.h: type, whence, start, length, pid
_WAL_HEAD = 32
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")


def databases(folder: Path) -> list[Path]:
    """The databases at the top of `folder`, without the files that belong to one of them."""
    found = [path for path in sorted(folder.iterdir()) if is_database(path)]
    beside = {other for path in found for other in _beside(path)}
    return [path for path in found if path not in beside]


def names(path: Path) -> set[str]:
    """Of the files that make up the database `path`."""
    return {path.name, *(other.name for other in _beside(path))}


class Sidecars(NamedTuple):
    """What SQLite keeps beside a database."""

    journal: Path
    wal: Path
    shm: Path


def _beside(path: Path) -> Sidecars:
    return Sidecars(*(path.with_name(path.name + suffix) for suffix in ("-journal", "-wal", "-shm")))


def is_database(path: Path) -> bool:
    """A regular file that begins as SQLite's do, or an empty one."""
    try:
        with open(open_file(path), "rb") as file:  # noqa: PTH123 - by descriptor
            return file.read(16) in (b"", b"SQLite format 3\0")
    except (OSError, ServiceFailed):
        return False


def copy(path: Path, destination: Path) -> None:
    """Make `destination`, in a folder where no other user writes, hold what is committed in `path`.

    Others may write meanwhile: in WAL mode unhindered, otherwise they wait until the bytes are copied. Raises
    ServiceFailed for what is damaged, replaced, locked too long, or half of a transaction over several databases.
    """
    _copy_still(path, destination, time.monotonic() + _PATIENCE)
    _refuse_names(path, _beside(destination).journal)
    try:
        verdict = _recover(destination)
    except sqlite3.Error as err:
        if getattr(err, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, str(err)) from err
        raise _failed(path, str(err), "Is it whole?") from err
    if verdict != "ok":
        raise ServiceFailed(f"{path.name} is damaged", context=verdict, hint="Restore a backup of it.")
    for left in _beside(destination):
        left.unlink(missing_ok=True)


def _copy_still(path: Path, destination: Path, deadline: float) -> None:
    """The bytes of the database, its journal and its WAL as they were at one moment, as far as they count."""
    for _ in _tries(path, deadline):
        with ExitStack() as held:
            database = _opened(path, held)
            _keep_from_changing(path, database, deadline)
            kept = _keep_wal(path, held, deadline)
            _copy_bytes(path, database, destination)
            if not os.path.samestat(os.fstat(database), path.lstat()):
                raise _failed(path, "The app has replaced it meanwhile.", "Try again.")
            if kept or not os.path.lexists(_beside(path).shm):
                return
        for copied in (destination, *_beside(destination)):  # somebody began to use a WAL that was not held
            copied.unlink(missing_ok=True)


def _copy_bytes(path: Path, database: int, destination: Path) -> None:
    theirs, ours = _beside(path), _beside(destination)
    with ExitStack() as held:
        journal = _opened_if_there(theirs.journal, held)
        lives = _is_locked(database, _RESERVED)  # its writer, that has not applied anything yet
        if journal is not None and not lives:
            trees.copy_contents(journal, ours.journal)
        trees.copy_contents(database, destination)
        if (wal := _opened_if_there(theirs.wal, held)) is not None:
            _copy_wal(wal, ours.wal)


def _keep_from_changing(path: Path, database: int, deadline: float) -> None:
    """As every reader of SQLite: from here on nobody writes to the file, or deletes its journal or WAL."""
    for _ in _tries(path, deadline):
        if _lock(database, _PENDING) and _lock(database, _SHARED, _SHARED_LENGTH):
            break
        _lock(database, _PENDING, kind=fcntl.F_UNLCK)
    _lock(database, _PENDING, kind=fcntl.F_UNLCK)


def _keep_wal(path: Path, held: ExitStack, deadline: float) -> bool:
    """Have the database not change from its WAL; False where nobody uses one, as far as we see."""
    if (shm := _opened_if_there(_beside(path).shm, held)) is None:
        return False
    for _ in _tries(path, deadline):
        if _lock(shm, _CHECKPOINT):
            break
    return True


def _copy_wal(log: int, destination: Path) -> None:
    """One whose frames are all in the database may begin anew, head first; not twice while none can be moved there."""
    while True:
        head = os.pread(log, _WAL_HEAD, 0)
        trees.copy_contents(log, destination)
        if head == os.pread(log, _WAL_HEAD, 0):
            return
        destination.unlink()


def _refuse_names(path: Path, journal: Path) -> None:
    """Rolling back a journal that ends in the name of a super-journal, SQLite would delete a file of that name, which
    may be any; and whether the transaction is to be undone at all only the app's other databases tell."""
    if not journal.exists():
        return
    with journal.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(_JOURNAL_MAGIC)))
        if file.read() == _JOURNAL_MAGIC:
            raise _failed(path, "Its journal names another file.", "Start the app, or open the database, to settle it.")


def _recover(path: Path) -> str:
    """Roll back or forward what is beside our copy; the verdict on what results."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
            database.execute(f"PRAGMA {setting}")
        database.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        [(verdict,), *_] = database.execute("PRAGMA quick_check(1)").fetchall()
        return str(verdict)


def _opened(path: Path, held: ExitStack) -> int:
    descriptor = open_file(path)
    held.callback(os.close, descriptor)  # with which its locks go
    return descriptor


def _opened_if_there(path: Path, held: ExitStack) -> int | None:
    try:
        return _opened(path, held)
    except FileNotFoundError:
        return None


def _tries(path: Path, deadline: float) -> Iterator[None]:
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)
    raise _failed(path, f"It was locked for {_PATIENCE:.0f} s.", "See which process of the app holds it.")


def _lock(descriptor: int, start: int, length: int = 1, kind: int = fcntl.F_RDLCK) -> bool:
    """Of the open file, not of this process: closing another descriptor of the same file does not lose it."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_locked(descriptor: int, start: int) -> bool:
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0)
    kind, *_ = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))
    return bool(kind != fcntl.F_UNLCK)


def _failed(path: Path, why: str, hint: str) -> ServiceFailed:
    return ServiceFailed(f"{path.name} could not be copied", context=why, hint=hint)
