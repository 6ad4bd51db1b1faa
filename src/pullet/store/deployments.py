"""Deployments and their steps: what was tried, when, and how it ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from pullet.domain.errors import NotFound, PulletError
from pullet.domain.identity import EnvironmentKey, Revision
from pullet.domain.release import Deployment, Outcome, StepRecord, Trigger
from pullet.ports import Clock
from pullet.store.database import Database
from pullet.store.releases import environment_key, remember_environment

_UNFINISHED_STEP = "environment = ? AND deployment = ? AND name = ? AND outcome = 'running'"


class SqliteDeployments:
    """See `pullet.ports.DeploymentStore`. Of each environment the newest `keep` are kept."""

    def __init__(self, database: Database, clock: Clock, keep: int) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep

    def begin(self, environment: EnvironmentKey, release: int, revision: Revision, trigger: Trigger) -> Deployment:
        with self._database.transaction():
            running = self.current(environment)
            if running is not None and running.release == release:
                return running
            if running is not None:
                self._end(running, Outcome.SUPERSEDED, None)
            number = self._insert(environment, release, revision, trigger)
            self._database.write(
                "DELETE FROM deployments WHERE environment = ? AND number <= ?", str(environment), number - self._keep
            )
        return self.get(environment, number)

    def step_started(self, deployment: Deployment, name: str, log: str = "") -> None:
        environment, number = _key(deployment)
        with self._database.transaction():
            again = self._database.write(
                f"UPDATE steps SET log = ? WHERE {_UNFINISHED_STEP}",  # noqa: S608 - a constant of ours
                log,
                environment,
                number,
                name,
            )
            if not again:
                self._database.write(
                    "INSERT INTO steps (environment, deployment, position, name, started, outcome, log) VALUES (?, ?,"
                    " (SELECT count(*) + 1 FROM steps WHERE environment = ? AND deployment = ?), ?, ?, ?, ?)",
                    environment,
                    number,
                    environment,
                    number,
                    name,
                    self._clock.now(),
                    Outcome.RUNNING,
                    log,
                )

    def step_finished(self, deployment: Deployment, name: str, outcome: Outcome, message: str = "") -> None:
        self._database.write(
            f"UPDATE steps SET outcome = ?, message = ?, finished = ? WHERE {_UNFINISHED_STEP}",  # noqa: S608 - a constant
            outcome,
            message,
            self._clock.now(),
            *_key(deployment),
            name,
        )

    def finish(self, deployment: Deployment, outcome: Outcome, error: PulletError | None = None) -> Deployment:
        with self._database.transaction():
            self._end(deployment, outcome, error)
        return self.get(deployment.environment, deployment.number)

    def interrupt_running(self) -> Sequence[Deployment]:
        rows = self._database.rows("SELECT * FROM deployments WHERE outcome = ?", Outcome.RUNNING)
        return tuple(self.finish(self._deployment(row), Outcome.INTERRUPTED) for row in rows)

    def get(self, environment: EnvironmentKey, number: int) -> Deployment:
        row = self._database.row(
            "SELECT * FROM deployments WHERE environment = ? AND number = ?", str(environment), number
        )
        if row is None:
            raise NotFound(
                f"There is no deployment {number} of {environment}",
                hint=f"`pullet deployments {environment.app}` lists what there is.",
            )
        return self._deployment(row)

    def of(self, environment: EnvironmentKey, limit: int = 20) -> Sequence[Deployment]:
        rows = self._database.rows(
            "SELECT * FROM deployments WHERE environment = ? ORDER BY number DESC LIMIT ?", str(environment), limit
        )
        return tuple(map(self._deployment, rows))

    def current(self, environment: EnvironmentKey) -> Deployment | None:
        row = self._database.row(
            "SELECT * FROM deployments WHERE environment = ? AND outcome = ?", str(environment), Outcome.RUNNING
        )
        return None if row is None else self._deployment(row)

    def _insert(self, environment: EnvironmentKey, release: int, revision: Revision, trigger: Trigger) -> int:
        remember_environment(self._database, str(environment))
        number: int = self._database.value(
            "UPDATE environments SET last_deployment = last_deployment + 1 WHERE name = ? RETURNING last_deployment",
            str(environment),
        )
        self._database.write(
            "INSERT INTO deployments (environment, number, release, ref, sha, cause, outcome, started)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            str(environment),
            number,
            release,
            revision.ref,
            revision.sha,
            trigger,
            Outcome.RUNNING,
            self._clock.now(),
        )
        return number

    def _end(self, deployment: Deployment, outcome: Outcome, error: PulletError | None) -> None:
        now = self._clock.now()
        self._database.write(
            "UPDATE steps SET outcome = ?, finished = ? WHERE environment = ? AND deployment = ? AND outcome = ?",
            outcome,
            now,
            *_key(deployment),
            Outcome.RUNNING,
        )
        self._database.write(
            "UPDATE deployments SET outcome = ?, finished = coalesce(finished, ?) WHERE environment = ? AND number = ?",
            outcome,
            now,
            *_key(deployment),
        )
        if error is not None:
            self._database.write(
                "UPDATE deployments SET error_code = ?, error = ?, hint = ?, context = ?"
                " WHERE environment = ? AND number = ?",
                error.code,
                error.message,
                error.hint,
                error.context,
                *_key(deployment),
            )

    def _deployment(self, row: sqlite3.Row) -> Deployment:
        steps = self._database.rows(
            "SELECT * FROM steps WHERE environment = ? AND deployment = ? ORDER BY position",
            row["environment"],
            row["number"],
        )
        return Deployment(
            environment=environment_key(row["environment"]),
            number=row["number"],
            release=row["release"],
            revision=Revision(row["ref"], row["sha"]),
            trigger=Trigger(row["cause"]),
            outcome=Outcome(row["outcome"]),
            started=row["started"],
            finished=row["finished"],
            steps=tuple(map(_step, steps)),
            error_code=row["error_code"],
            error=row["error"],
            hint=row["hint"],
            context=row["context"],
        )


def _key(deployment: Deployment) -> tuple[str, int]:
    return str(deployment.environment), deployment.number


def _step(row: sqlite3.Row) -> StepRecord:
    return StepRecord(row["name"], row["started"], row["finished"], Outcome(row["outcome"]), row["message"], row["log"])
