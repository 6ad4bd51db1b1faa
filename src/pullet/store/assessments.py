"""What was found of each release, for the next to be compared with."""

from __future__ import annotations

from collections.abc import Sequence

from pullet.domain.codec import dumps, loads
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.security import Assessment
from pullet.store.database import Database


class SqliteAssessments:
    """See `pullet.ports.AssessmentStore`. The newest `keep` of each environment are kept."""

    def __init__(self, database: Database, keep: int) -> None:
        self._database = database
        self._keep = keep

    def save(self, release: ReleaseId, assessment: Assessment) -> None:
        key = release.environment
        with self._database.transaction():
            self._database.write(
                "INSERT OR REPLACE INTO assessments VALUES (?, ?, ?, ?, ?)",
                *(key.app, key.name, release.number, assessment.assessed, dumps(assessment)),
            )
            self._database.write(
                "DELETE FROM assessments WHERE app = ? AND environment = ? AND release <= ("
                "SELECT release FROM assessments WHERE app = ? AND environment = ?"
                " ORDER BY release DESC LIMIT 1 OFFSET ?)",
                *(key.app, key.name) * 2,
                self._keep,
            )

    def get(self, release: ReleaseId) -> Assessment | None:
        key = release.environment
        text = self._database.value(
            "SELECT value FROM assessments WHERE app = ? AND environment = ? AND release = ?",
            *(key.app, key.name, release.number),
        )
        return None if text is None else loads(Assessment, text)

    def of(self, environment: EnvironmentKey, limit: int = 20) -> Sequence[tuple[int, Assessment]]:
        rows = self._database.rows(
            "SELECT release, value FROM assessments WHERE app = ? AND environment = ? ORDER BY release DESC LIMIT ?",
            *(environment.app, environment.name, limit),
        )
        return tuple((row["release"], loads(Assessment, row["value"])) for row in rows)
