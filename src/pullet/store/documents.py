"""What was found of each release, one value a release, for the next to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Literal, TypeVar

from pullet.domain.codec import dumps, loads
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.store.database import Database

T = TypeVar("T")


class SqliteDocuments(Generic[T]):
    """See `pullet.ports.AssessmentStore` and `pullet.ports.ResultStore`. Of each environment the newest are kept."""

    def __init__(self, database: Database, table: Literal["assessments", "results"], kind: type[T], keep: int) -> None:
        self._database = database
        self._kind = kind
        self._keep = keep
        of = f"FROM {table} WHERE app = ? AND environment = ?"
        self._save = f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)"  # noqa: S608
        self._get = f"SELECT value {of} AND release = ?"
        self._of = f"SELECT release, value {of} ORDER BY release DESC LIMIT ?"
        self._trim = f"DELETE {of} AND release <= (SELECT release {of} ORDER BY release DESC LIMIT 1 OFFSET ?)"

    def save(self, release: ReleaseId, value: T) -> None:
        key = release.environment
        with self._database.transaction():
            self._database.write(self._save, key.app, key.name, release.number, dumps(value))
            self._database.write(self._trim, *(key.app, key.name) * 2, self._keep)

    def get(self, release: ReleaseId) -> T | None:
        key = release.environment
        text = self._database.value(self._get, key.app, key.name, release.number)
        return None if text is None else loads(self._kind, text)

    def of(self, environment: EnvironmentKey, limit: int = 20) -> Sequence[tuple[int, T]]:
        rows = self._database.rows(self._of, environment.app, environment.name, limit)
        return tuple((row["release"], loads(self._kind, row["value"])) for row in rows)
