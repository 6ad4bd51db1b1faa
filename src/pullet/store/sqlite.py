"""The store in one SQLite file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from pullet.domain.security import Assessment
from pullet.domain.testing import Tested
from pullet.ports import Clock
from pullet.store.database import Database
from pullet.store.deployments import SqliteDeployments
from pullet.store.documents import SqliteDocuments
from pullet.store.releases import SqliteReleases
from pullet.store.runs import SqliteRuns
from pullet.store.status import SqliteConditions, SqliteEvents

KEEP_DEPLOYMENTS = 500  # an environment
KEEP_EVENTS = 20_000
KEEP_RUNS = 50  # of each schedule
KEEP_DOCUMENTS = 50  # of each kind, an environment


class SqliteStore:
    """`pullet.ports.Store` for one daemon, used from one thread.

    `path` None keeps everything in memory, for tests. A damaged file is moved aside and a fresh one begun, which is
    the first event in it. Raises StoreError, DiskFull.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        *,
        keep_deployments: int = KEEP_DEPLOYMENTS,
        keep_events: int = KEEP_EVENTS,
        keep_runs: int = KEEP_RUNS,
    ) -> None:
        self._database = Database(path, clock.now())
        self.releases = SqliteReleases(self._database, clock)
        self.deployments = SqliteDeployments(self._database, clock, keep_deployments)
        self.conditions = SqliteConditions(self._database)
        self.events = SqliteEvents(self._database, clock, keep_events)
        self.runs = SqliteRuns(self._database, clock, keep_runs)
        self.assessments = SqliteDocuments(self._database, "assessments", Assessment, KEEP_DOCUMENTS)
        self.results = SqliteDocuments(self._database, "results", Tested, KEEP_DOCUMENTS)
        if self._database.moved_aside is not None:
            self.events.append(
                "StoreReplaced",
                f"The state database was damaged and is now {self._database.moved_aside.name}. History begins anew;"
                " what should run is in the fleet, and what runs goes on.",
            )

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
