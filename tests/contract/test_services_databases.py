"""Copies of SQLite databases: of what is committed, whatever their writers do, and however they end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from pullet.domain.errors import ServiceFailed
from pullet.drivers.services import databases, trees
from tests.contract.services import heard, service
from tests.contract.test_services_folders import SqliteWorld

pytestmark = pytest.mark.real

_AMID_A_TRANSACTION = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = " + sys.argv[2])
database.execute("PRAGMA cache_size = 5")
database.execute("CREATE TABLE records (name TEXT)")
database.executemany("INSERT INTO records VALUES (?)", [(f"{n:04}" + "x" * 600,) for n in range(300)])
database.execute("BEGIN")
database.execute("UPDATE records SET name = 'lost'")
database.executemany("INSERT INTO records VALUES (?)", [("lost" + "y" * 600,) for n in range(2000)])
print("spilled", flush=True)
time.sleep(60)
"""

_MOVING = """
import itertools, sqlite3, sys, time
print("begun", flush=True)
for n in itertools.count():
    database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
    database.execute("PRAGMA wal_autocheckpoint = 3")
    for m in range(n % 7 + 1):
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE one SET total = total - 1, filler = randomblob(3000) WHERE rowid = ?", (n % 40 + 1,))
        database.execute("UPDATE two SET total = total + 1, filler = randomblob(3000) WHERE rowid = ?", (n % 40 + 1,))
        database.execute("COMMIT")
        time.sleep(0.01)
    if n % 2:
        database.close()
"""

_CUTTING = """
import contextlib, os, sys, threading
from pathlib import Path
from pullet.drivers.services import databases
def cut():
    while True:
        os.truncate(sys.argv[1] + "-shm", 0)
threading.Thread(target=cut, daemon=True).start()
for n in range(20):
    databases.copy(Path(sys.argv[1]), Path(sys.argv[2] + str(n)))
"""


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextlib.contextmanager
def writer(program: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the app, that has said its first word; killed in the end."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize(
    ("mode", "living"),
    [("delete", False), ("truncate", False), ("persist", False), ("wal", False), ("wal", True)],
)
async def test_amid_a_transaction_exactly_what_is_committed_is_copied(root: Path, mode: str, living: bool) -> None:
    """Killed, its writer leaves pages of the transaction in the database, and the journal that undoes them."""
    world, origin, key = SqliteWorld(root), service(), service()
    file = Path((await world.provided(origin)).links[0][1])
    dump = root / "dump"
    dump.mkdir()
    with writer(_AMID_A_TRANSACTION, file, mode) as process:
        if not living:
            process.kill()
            process.wait()
        await world.provider.dump(origin, dump)
        cloned = await world.provider.clone(origin, key, world.spec(key), heard)
    committed = [(f"{n:04}" + "x" * 600,) for n in range(300)]
    assert rows(Path(cloned.links[0][1]), "SELECT name FROM records ORDER BY rowid") == committed
    loaded = service()
    await world.provider.load(loaded, world.spec(loaded), dump)
    loaded_file = Path((await world.provided(loaded)).links[0][1])
    assert rows(loaded_file, "SELECT name FROM records ORDER BY rowid") == committed
    assert [path.name for path in loaded_file.parent.iterdir()] == [loaded_file.name]


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_copies_are_whole_while_others_write_open_and_close(
    root: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page_by_page(reader: BinaryIO, writer: BinaryIO, left: int) -> None:
        while left > 0 and (data := reader.read(min(left, 4096))):
            writer.write(data)
            left -= len(data)
            time.sleep(0.0003)  # as from a slow disk: it is written to between any two pages

    monkeypatch.setattr(trees, "_copy_range", page_by_page)
    monkeypatch.setattr(trees, "_share_blocks", lambda *_: False)
    file = root / "app.db"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        for table, each in (("one", 1000), ("two", 0)):
            database.execute(f"CREATE TABLE {table} (total INTEGER, filler BLOB)")
            database.executemany(f"INSERT INTO {table} VALUES (?, randomblob(3000))", [(each,)] * 40)
        database.commit()
    seen = set()
    with writer(_MOVING, file):
        for n in range(25):
            copied = root / f"copy{n}"
            databases.copy(file, copied)
            [(total,)] = rows(copied, "SELECT (SELECT sum(total) FROM one) + (SELECT sum(total) FROM two)")
            assert total == 40_000, "half of a transaction"
            assert rows(copied, "PRAGMA integrity_check") == [("ok",)]
            seen.add(rows(copied, "SELECT sum(total) FROM two")[0])
    assert len(seen) > 5, "nobody wrote meanwhile"


def test_an_app_that_cuts_its_shm_short_ends_nobody(root: Path) -> None:
    """Who maps the file dies of SIGBUS at the next look at it."""
    file = root / "app.db"
    with writer(_AMID_A_TRANSACTION, file, "wal"):
        pass
    command = [sys.executable, "-c", _CUTTING, str(file), str(root / "copy")]
    assert subprocess.run(command, timeout=50, check=False).returncode == 0


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
async def test_a_pipe_put_there_after_the_look_holds_nobody_up(root: Path, suffix: str) -> None:
    file = root / "app.db"
    if suffix:
        file.touch()
    os.mkfifo(f"{file}{suffix}")
    async with asyncio.timeout(20):
        with pytest.raises(ServiceFailed, match="no regular file"):
            await asyncio.to_thread(databases.copy, file, root / "copy")


async def test_files_that_are_only_named_as_the_database_are_copied(root: Path) -> None:
    world, origin, key = SqliteWorld(root), service(), service()
    file = Path((await world.provided(origin, "one")).links[0][1])
    beside = [f"{file.name}.notes", f"{file.name}s.txt", f"{file.name}-walls"]
    for name in beside:
        file.with_name(name).write_text("mine")
    Path(f"{file}-uploads").mkdir()
    copied = Path((await world.provider.clone(origin, key, world.spec(key), heard)).links[0][1])
    assert {path.name for path in copied.parent.iterdir()} == {*beside, file.name, f"{file.name}-uploads"}


def test_a_database_that_is_written_to_for_long_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_PATIENCE", 0.1)
    file = root / "app.db"
    with writer(_AMID_A_TRANSACTION, file, "delete"), pytest.raises(ServiceFailed, match="could not be copied") as err:
        databases.copy(file, root / "copy")
    assert "locked" in err.value.context
    databases.copy(file, root / "copy")


def test_a_file_that_was_replaced_meanwhile_is_no_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = root / "app.db"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE records (name TEXT)")

    def replaced(*_: object) -> None:
        file.rename(root / "moved")
        file.touch()

    monkeypatch.setattr(databases, "_copy_bytes", replaced)
    with pytest.raises(ServiceFailed, match="could not be copied"):
        databases.copy(file, root / "copy")


def test_a_wal_that_begins_anew_while_it_is_copied_is_copied_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the beginning of the old one would bring back what later frames had replaced."""
    log = root / "app.db-wal"
    log.write_bytes(b"old" * 20)
    real = trees.copy_contents
    news = iter([b"new" * 20])

    def copied(source: int, target: Path) -> None:
        real(source, target)
        log.write_bytes(next(news, log.read_bytes()))

    monkeypatch.setattr(trees, "copy_contents", copied)
    with log.open("rb") as file:
        databases._copy_wal(file.fileno(), root / "copy")
    assert (root / "copy").read_bytes() == b"new" * 20
