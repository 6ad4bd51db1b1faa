"""Releases: numbers, stages, verdicts, and which one is live."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from pullet.domain.app import AppSpec
from pullet.domain.codec import dumps, loads
from pullet.domain.errors import NotFound
from pullet.domain.healing import Heal
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision
from pullet.domain.release import Artifact, Candidate, Release, Stage, Verdict
from pullet.ports import Clock
from pullet.store.database import Database

_Variables = tuple[tuple[str, str], ...]
_Heals = tuple[Heal, ...]


class SqliteReleases:
    """See `pullet.ports.ReleaseStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def open(self, environment: EnvironmentKey, candidate: Candidate) -> Release:
        with self._database.transaction():
            number = self._usable(environment, candidate)
            if number is None:
                number = self._next_number(environment)
                self._insert(
                    Release(ReleaseId(environment, number), candidate, Stage.OPENED, Verdict.NONE, self._clock.now())
                )
        return self.get(ReleaseId(environment, number))

    def adopt(self, release: Release) -> None:
        environment = str(release.id.environment)
        with self._database.transaction():
            remember_environment(self._database, environment)
            self._database.write(
                "UPDATE environments SET last_release = max(last_release, ?) WHERE name = ?",
                release.id.number,
                environment,
            )
            self._insert(release)

    def get(self, release_id: ReleaseId) -> Release:
        row = self._database.row("SELECT * FROM releases WHERE environment = ? AND number = ?", *_key(release_id))
        if row is None:
            raise NotFound(
                f"There is no release {release_id}",
                hint=f"`pullet deployments {release_id.environment.app}` lists what there is.",
            )
        return _release(row)

    def of(self, environment: EnvironmentKey) -> Sequence[Release]:
        rows = self._database.rows(
            "SELECT * FROM releases WHERE environment = ? AND NOT removed ORDER BY number", str(environment)
        )
        return tuple(map(_release, rows))

    def all(self) -> Sequence[Release]:
        rows = self._database.rows("SELECT * FROM releases WHERE NOT removed ORDER BY environment, number")
        return tuple(map(_release, rows))

    def find(self, environment: EnvironmentKey, candidate: str) -> Release | None:
        row = self._database.row(
            "SELECT * FROM releases WHERE environment = ? AND candidate = ? AND NOT removed ORDER BY number DESC",
            str(environment),
            candidate,
        )
        return None if row is None else _release(row)

    def advance(
        self,
        release_id: ReleaseId,
        stage: Stage,
        *,
        spec: AppSpec | None = None,
        artifact: Artifact | None = None,
        variables: _Variables | None = None,
    ) -> Release:
        before = self.get(release_id)
        self._database.write(
            "UPDATE releases SET stage = ?, spec = coalesce(?, spec), artifact = coalesce(?, artifact),"
            " variables = coalesce(?, variables) WHERE environment = ? AND number = ?",
            max(before.stage, stage, key=lambda one: one.rank),
            *(None if part is None else dumps(part) for part in (spec, artifact, variables)),
            *_key(release_id),
        )
        return self.get(release_id)

    def judge(self, release_id: ReleaseId, verdict: Verdict, reason: str = "") -> Release:
        self._database.write(
            "UPDATE releases SET verdict = ?, reason = ? WHERE environment = ? AND number = ?",
            verdict,
            reason,
            *_key(release_id),
        )
        return self.get(release_id)

    def heal(self, release_id: ReleaseId, heal: Heal) -> Release:
        """One write: a kill leaves the release as it failed, or ready to be built otherwise."""
        before = self.get(release_id)
        self._database.write(
            "UPDATE releases SET heals = ?, stage = ?, artifact = NULL WHERE environment = ? AND number = ?",
            dumps((*before.heals, heal)),
            min(before.stage, Stage.RESOLVED, key=lambda one: one.rank),
            *_key(release_id),
        )
        return self.get(release_id)

    def mark_removed(self, release_id: ReleaseId) -> None:
        self._database.write("UPDATE releases SET removed = 1 WHERE environment = ? AND number = ?", *_key(release_id))

    def failed(self, environment: EnvironmentKey) -> Mapping[str, str]:
        rows = self._database.rows(
            "SELECT candidate, reason FROM releases WHERE environment = ? AND verdict = ? ORDER BY number",
            str(environment),
            Verdict.BAD,
        )
        return {row["candidate"]: row["reason"] for row in rows}

    def retry(self, environment: EnvironmentKey, candidate: str) -> bool:
        changed = self._database.write(
            "UPDATE releases SET verdict = ?, reason = '' WHERE environment = ? AND candidate = ? AND verdict = ?",
            Verdict.NONE,
            str(environment),
            candidate,
            Verdict.BAD,
        )
        return changed > 0

    def live(self, environment: EnvironmentKey) -> int | None:
        number: int | None = self._database.value("SELECT live FROM environments WHERE name = ?", str(environment))
        return number

    def set_live(self, environment: EnvironmentKey, number: int | None) -> None:
        with self._database.transaction():
            remember_environment(self._database, str(environment))
            self._database.write("UPDATE environments SET live = ? WHERE name = ?", number, str(environment))

    def _usable(self, environment: EnvironmentKey, candidate: Candidate) -> int | None:
        number: int | None = self._database.value(
            "SELECT number FROM releases WHERE environment = ? AND candidate = ? AND verdict <> ? AND NOT removed"
            " ORDER BY number DESC",
            str(environment),
            candidate.id,
            Verdict.BAD,
        )
        return number

    def _next_number(self, environment: EnvironmentKey) -> int:
        remember_environment(self._database, str(environment))
        number: int = self._database.value(
            "UPDATE environments SET last_release = last_release + 1 WHERE name = ? RETURNING last_release",
            str(environment),
        )
        return number

    def _insert(self, release: Release) -> None:
        revision = release.candidate.revision
        self._database.write(
            "INSERT OR IGNORE INTO releases (environment, number, ref, sha, configuration, candidate, stage, verdict,"
            " created, spec, artifact, variables, heals) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *_key(release.id),
            revision.ref,
            revision.sha,
            release.candidate.configuration,
            release.candidate.id,
            release.stage,
            release.verdict,
            release.created,
            None if release.spec is None else dumps(release.spec),
            None if release.artifact is None else dumps(release.artifact),
            dumps(release.variables),
            dumps(release.heals),
        )


def remember_environment(database: Database, environment: str) -> None:
    """Its counters begin at 0 the first time, and stay for ever."""
    database.write("INSERT OR IGNORE INTO environments (name) VALUES (?)", environment)


def environment_key(name: str) -> EnvironmentKey:
    return EnvironmentKey(*name.split("/"))


def release_to_json(release: Release) -> str:
    """The text of `release.json` beside a release's files: what is needed to adopt it into an empty store."""
    return dumps(release)


def release_from_json(text: str | bytes) -> Release:
    """Raises MalformedData."""
    return loads(Release, text)


def _key(release_id: ReleaseId) -> tuple[str, int]:
    return str(release_id.environment), release_id.number


def _release(row: sqlite3.Row) -> Release:
    return Release(
        id=ReleaseId(environment_key(row["environment"]), row["number"]),
        candidate=Candidate(Revision(row["ref"], row["sha"]), row["configuration"]),
        stage=Stage(row["stage"]),
        verdict=Verdict(row["verdict"]),
        created=row["created"],
        spec=None if row["spec"] is None else loads(AppSpec, row["spec"]),
        artifact=None if row["artifact"] is None else loads(Artifact, row["artifact"]),
        variables=loads(_Variables, row["variables"]),
        heals=loads(_Heals, row["heals"]),
    )
