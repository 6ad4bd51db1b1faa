"""Conditions (how things are) and events (what happened)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pullet.domain.conditions import Condition, ConditionType
from pullet.domain.identity import EnvironmentKey
from pullet.domain.release import Event
from pullet.ports import Clock
from pullet.store.database import Database

_ORDER = tuple(ConditionType)


class SqliteConditions:
    """See `pullet.ports.ConditionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, subject: str, conditions: Iterable[Condition]) -> Sequence[Condition]:
        before = {condition.type: condition for condition in self.of(subject)}
        after = {condition.type: _since(before.get(condition.type), condition) for condition in conditions}
        if after != before:  # the usual case is that nothing changed: write nothing then
            self._replace(subject, after.values())
        return self.of(subject)

    def of(self, subject: str) -> Sequence[Condition]:
        rows = self._database.rows("SELECT * FROM conditions WHERE subject = ?", subject)
        return tuple(sorted(map(_condition, rows), key=lambda condition: _ORDER.index(condition.type)))

    def _replace(self, subject: str, conditions: Iterable[Condition]) -> None:
        with self._database.transaction():
            self._database.write("DELETE FROM conditions WHERE subject = ?", subject)
            for condition in conditions:
                self._database.write(
                    "INSERT INTO conditions VALUES (?, ?, ?, ?, ?, ?, ?)",
                    subject,
                    condition.type,
                    condition.status,
                    condition.reason,
                    condition.message,
                    condition.since,
                    condition.revision,
                )


class SqliteEvents:
    """See `pullet.ports.EventStore`. The newest `keep` are kept."""

    def __init__(self, database: Database, clock: Clock, keep: int) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep

    def append(
        self, kind: str, message: str, *, environment: EnvironmentKey | None = None, deployment: int | None = None
    ) -> Event:
        subject = "" if environment is None else str(environment)
        at = self._clock.now()
        with self._database.transaction():
            cursor: int = self._database.value(
                "INSERT INTO events (at, environment, kind, message, deployment) VALUES (?, ?, ?, ?, ?)"
                " RETURNING cursor",
                at,
                subject,
                kind,
                message,
                deployment,
            )
            self._database.write("DELETE FROM events WHERE cursor <= ?", cursor - self._keep)
        return Event(cursor, at, subject, kind, message, deployment)

    def after(self, cursor: int = 0, *, environment: EnvironmentKey | None = None, limit: int = 100) -> Sequence[Event]:
        if cursor > self.last():
            cursor = 0  # the store was begun anew since the reader got that cursor
        rows = self._database.rows(
            "SELECT * FROM events WHERE cursor > ? AND (? IS NULL OR environment = ?) ORDER BY cursor LIMIT ?",
            cursor,
            *[None if environment is None else str(environment)] * 2,
            limit,
        )
        return tuple(map(_event, rows))

    def newest(self, *, environment: EnvironmentKey | None = None, limit: int = 100) -> Sequence[Event]:
        rows = self._database.rows(
            "SELECT * FROM events WHERE ? IS NULL OR environment = ? ORDER BY cursor DESC LIMIT ?",
            *[None if environment is None else str(environment)] * 2,
            limit,
        )
        return tuple(map(_event, reversed(rows)))

    def last(self) -> int:
        return int(self._database.value("SELECT coalesce(max(cursor), 0) FROM events"))


def _since(before: Condition | None, condition: Condition) -> Condition:
    """The time stays while the status does, whatever the message says by now."""
    if before is None or before.status is not condition.status:
        return condition
    return replace(condition, since=before.since)


def _condition(row: sqlite3.Row) -> Condition:
    status = None if row["status"] is None else bool(row["status"])
    return Condition(ConditionType(row["type"]), status, row["reason"], row["message"], row["since"], row["revision"])


def _event(row: sqlite3.Row) -> Event:
    return Event(row["cursor"], row["at"], row["environment"], row["kind"], row["message"], row["deployment"])
