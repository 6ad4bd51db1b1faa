"""What ran at set times, and how it ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from pullet.domain.run import Run
from pullet.ports import Clock
from pullet.store.database import Database

_UNFINISHED = "interrupted: the daemon ended meanwhile"


class SqliteRuns:
    """See `pullet.ports.RunStore`. The newest `keep` of each name are kept."""

    def __init__(self, database: Database, clock: Clock, keep: int) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep

    def begin(self, subject: str, name: str, due: float, log: str = "") -> Run:
        started = self._clock.now()
        with self._database.transaction():
            number: int = self._database.value(
                "INSERT INTO runs (subject, name, due, started, log) VALUES (?, ?, ?, ?, ?) RETURNING number",
                subject,
                name,
                due,
                started,
                log,
            )
            self._database.write(
                "DELETE FROM runs WHERE subject = ? AND name = ? AND number <= ("
                "SELECT number FROM runs WHERE subject = ? AND name = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
                *(subject, name) * 2,
                self._keep,
            )
        return Run(number, subject, name, due, started, log=log)

    def finish(self, run: Run, exit_code: int | None, message: str = "") -> None:
        self._database.write(
            "UPDATE runs SET finished = ?, exit_code = ?, message = ? WHERE number = ?",
            self._clock.now(),
            exit_code,
            message,
            run.number,
        )

    def interrupt_running(self) -> None:
        self._database.write(
            "UPDATE runs SET finished = ?, message = ? WHERE finished IS NULL", self._clock.now(), _UNFINISHED
        )

    def of(self, subject: str, name: str | None = None, limit: int = 20) -> Sequence[Run]:
        rows = self._database.rows(
            "SELECT * FROM runs WHERE subject = ? AND (? IS NULL OR name = ?) ORDER BY number DESC LIMIT ?",
            subject,
            name,
            name,
            limit,
        )
        return tuple(map(_run, rows))


def _run(row: sqlite3.Row) -> Run:
    return Run(**dict(row))
