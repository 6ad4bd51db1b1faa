"""Advisories by package, in one SQLite file that is made beside the former one and replaces it whole."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pullet.analysis.security.advisories import Advisory, Range, parse_advisory
from pullet.domain.codec import Json, to_json
from pullet.domain.errors import AssessmentFailed

_FORMAT = 1
_SCHEMA = f"""
PRAGMA user_version = {_FORMAT};
CREATE TABLE state (url TEXT NOT NULL, commit_id TEXT NOT NULL, committed REAL NOT NULL, polled REAL NOT NULL,
                    records INTEGER NOT NULL, unread INTEGER NOT NULL);
CREATE TABLE package (name TEXT PRIMARY KEY, records TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE unread (package TEXT NOT NULL, path TEXT NOT NULL, why TEXT NOT NULL);
"""
_WAIT = 5.0  # seconds, for another process that notes a poll
_RECORDS = "SELECT name, records FROM package WHERE name IN (SELECT value FROM json_each(?))"
_UNREAD = "SELECT path, why FROM unread WHERE package IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True)
class State:
    """How fresh the index is."""

    url: str
    commit: str
    committed: float
    """Seconds since the epoch, as the newest commit says."""
    polled: float
    """When it was last asked, and answered."""
    records: int
    unread: int


@dataclass
class Records:
    """What could be read of a commit, and what could not."""

    packages: dict[str, list[Json]] = field(default_factory=dict)
    unread: list[tuple[str, str, str]] = field(default_factory=list)
    """(package, path, why); the package is empty where not even that can be told."""
    count: int = 0

    def add(self, path: str, data: bytes | None) -> None:
        """None: the file is larger than anybody reads."""
        try:
            if data is None:
                raise ValueError("it is larger than 1 MiB")
            found = parse_advisory(path, data.decode("utf-8"))
        except ValueError as err:
            self.unread.append((_filed_under(path), _shown(path), str(err)[:200]))
            return
        self.count += 1
        for advisory in found:
            self.packages.setdefault(advisory.package, []).append(to_json(advisory))


@dataclass(frozen=True)
class Known:
    """What the index says of some packages."""

    advisories: Mapping[str, Sequence[Advisory]]
    unread: Sequence[tuple[str, str]]
    """(path, why) of records that might be about one of them, and that nobody can read."""


class AdvisoryIndex:
    """Blocking. A damaged file is none: the next poll makes it anew."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def state(self) -> State | None:
        try:
            with self._open("ro") as database:
                if database.execute("PRAGMA user_version").fetchone() != (_FORMAT,):
                    return None
                row = database.execute("SELECT url, commit_id, committed, polled, records, unread FROM state")
                return State(*row.fetchone())
        except (sqlite3.Error, TypeError):
            return None

    def look_up(self, names: Collection[str]) -> Known:
        """By canonical names. Raises AssessmentFailed where the file is damaged, and removes it then."""
        wanted = sorted(names)
        try:
            with self._open("ro") as database:
                rows = database.execute(_RECORDS, (json.dumps(wanted),)).fetchall()
                unread = database.execute(_UNREAD, (json.dumps(["", *wanted]),)).fetchall()
            found = {name: tuple(map(_advisory, json.loads(text))) for name, text in rows}
        except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as err:
            self._path.unlink(missing_ok=True)
            what = "The index of advisories is damaged; it is made anew at the next poll"
            raise AssessmentFailed(what, context=str(err), hint="Assess again.") from err
        return Known(found, [(str(path), str(why)) for path, why in unread])

    def write(self, state: State, records: Records) -> None:
        """Raises AssessmentFailed; then the former one stays."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, new = tempfile.mkstemp(prefix="advisories-", suffix=".new", dir=self._path.parent)
            os.close(descriptor)
            try:
                _fill(Path(new), state, records)
                Path(new).replace(self._path)
            finally:
                Path(new).unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as err:
            raise AssessmentFailed("The advisories cannot be kept", context=str(err)) from err

    def note_poll(self, at: float) -> None:
        """Raises AssessmentFailed."""
        try:
            with self._open("rw") as database, database:
                database.execute("UPDATE state SET polled = ?", (at,))
        except sqlite3.Error as err:
            raise AssessmentFailed("The poll of the advisories cannot be noted", context=str(err)) from err

    @contextlib.contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(
            sqlite3.connect(f"{self._path.absolute().as_uri()}?mode={mode}", timeout=_WAIT, uri=True)
        ) as it:
            yield it


def _advisory(row: dict[str, Any]) -> Advisory:
    """Without the codec's checks, which take ten times as long: the file is its own. Raises TypeError, KeyError."""
    values: dict[str, Any] = {name: tuple(each) if type(each) is list else each for name, each in row.items()}
    ranges = tuple(Range(each["introduced"], each["fixed"], each["last"]) for each in values.pop("ranges"))
    return Advisory(ranges=ranges, **values)


def _fill(path: Path, state: State, records: Records) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(_SCHEMA)
        row = (state.url, state.commit, state.committed, state.polled, state.records, state.unread)
        database.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?, ?)", row)
        packages = ((name, json.dumps(rows)) for name, rows in records.packages.items())
        database.executemany("INSERT INTO package VALUES (?, ?)", packages)
        database.executemany("INSERT INTO unread VALUES (?, ?, ?)", records.unread)


def _filed_under(path: str) -> str:
    """The package by whose name the record's folder is called, as in `vulns/django/PYSEC-2024-1.yaml`."""
    folders = path.split("/")[:-1]
    return canonicalize_name(_shown(folders[-1])) if len(folders) >= 2 else ""


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()[:300]
