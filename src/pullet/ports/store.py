"""What was observed, and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from pullet.domain.app import AppSpec
from pullet.domain.conditions import Condition
from pullet.domain.errors import PulletError
from pullet.domain.healing import Heal
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it
from pullet.domain.release import (
    Artifact,
    Candidate,
    Deployment,
    Event,
    Outcome,
    Release,
    Stage,
    Trigger,
    Verdict,
)
from pullet.domain.run import Run
from pullet.domain.security import Assessment
from pullet.domain.testing import Tested


class ReleaseStore(Protocol):
    def open(self, environment: EnvironmentKey, candidate: Candidate) -> Release:
        """A release for the candidate: the newest there is that is neither bad nor removed, else one with a new number
        (counted from 1, never used twice in the environment)."""

    def adopt(self, release: Release) -> None:
        """Take in a release that was found on the box (`release.json`) by a store which lost its history. Its number
        counts as used. One with that number that is known already stays as it is."""

    def get(self, release_id: ReleaseId) -> Release:
        """Also one that was removed: history goes on knowing it. Raises NotFound."""

    def of(self, environment: EnvironmentKey) -> Sequence[Release]:
        """Those that were not removed, by number."""

    def all(self) -> Sequence[Release]:
        """`of` for every environment."""

    def find(self, environment: EnvironmentKey, candidate: str) -> Release | None:
        """The newest release of that `Candidate.id`, whatever its verdict, that was not removed."""

    def advance(
        self,
        release_id: ReleaseId,
        stage: Stage,
        *,
        spec: AppSpec | None = None,
        artifact: Artifact | None = None,
        variables: tuple[tuple[str, str], ...] | None = None,
    ) -> Release:
        """Note how far the release has come, never backwards, and what was found on the way. Raises NotFound."""

    def judge(self, release_id: ReleaseId, verdict: Verdict, reason: str = "") -> Release: ...

    def heal(self, release_id: ReleaseId, heal: Heal) -> Release:
        """Note a change of how the release is built, and have it built again: its artifact is forgotten."""

    def mark_removed(self, release_id: ReleaseId) -> None:
        """Its files are gone."""

    def failed(self, environment: EnvironmentKey) -> Mapping[str, str]:
        """`Candidate.id` -> reason, of every candidate that is judged bad, its release removed or not."""

    def retry(self, environment: EnvironmentKey, candidate: str) -> bool:
        """Somebody asked for another try: the candidate is bad no longer. False where it was not."""

    def live(self, environment: EnvironmentKey) -> int | None:
        """The release that traffic was last switched to."""

    def set_live(self, environment: EnvironmentKey, number: int | None) -> None: ...


class DeploymentStore(Protocol):
    """At most one deployment of an environment runs. Methods that take a Deployment use only what identifies it."""

    def begin(self, environment: EnvironmentKey, release: int, revision: Revision, trigger: Trigger) -> Deployment:
        """A new deployment, numbered from 1 and never twice; one that runs for the same release is returned instead,
        one that runs for another release is ended as SUPERSEDED."""

    def step_started(self, deployment: Deployment, name: str, log: str = "") -> None:
        """Note the intent. A step of that name that has not finished is the same step."""

    def step_finished(self, deployment: Deployment, name: str, outcome: Outcome, message: str = "") -> None: ...

    def finish(self, deployment: Deployment, outcome: Outcome, error: PulletError | None = None) -> Deployment:
        """Ends it and its unfinished steps. Said again, the outcome is replaced (SUCCEEDED may become ROLLED_BACK)
        and the time of the end stays."""

    def interrupt_running(self) -> Sequence[Deployment]:
        """At the daemon's start: what was running then was interrupted. Returns those."""

    def get(self, environment: EnvironmentKey, number: int) -> Deployment:
        """Raises NotFound."""

    def of(self, environment: EnvironmentKey, limit: int = 20) -> Sequence[Deployment]:
        """The newest first."""

    def current(self, environment: EnvironmentKey) -> Deployment | None:
        """The one that runs."""


class ConditionStore(Protocol):
    def set(self, subject: str, conditions: Iterable[Condition]) -> Sequence[Condition]:
        """Replace the subject's conditions (`app/name`, or any other text that names something). `since` stays as it
        was while the status is unchanged. Returns them as `of` does."""

    def of(self, subject: str) -> Sequence[Condition]:
        """In the order of ConditionType."""


class EventStore(Protocol):
    def append(
        self, kind: str, message: str, *, environment: EnvironmentKey | None = None, deployment: int | None = None
    ) -> Event: ...

    def after(self, cursor: int = 0, *, environment: EnvironmentKey | None = None, limit: int = 100) -> Sequence[Event]:
        """Oldest first. A cursor from before the store was begun anew counts as 0."""

    def newest(self, *, environment: EnvironmentKey | None = None, limit: int = 100) -> Sequence[Event]:
        """The last `limit`, oldest first."""

    def last(self) -> int:
        """The newest event's cursor, 0 where there is none: `after` this, only what is yet to come."""


class RunStore(Protocol):
    """What ran at set times."""

    def begin(self, subject: str, name: str, due: float, log: str = "") -> Run:
        """Note the intent. `subject`: an environment, or empty for the target itself."""

    def finish(self, run: Run, exit_code: int | None, message: str = "") -> None: ...

    def interrupt_running(self) -> None:
        """At the daemon's start: what was running then was interrupted."""

    def of(self, subject: str, name: str | None = None, limit: int = 20) -> Sequence[Run]:
        """The newest first."""


class AssessmentStore(Protocol):
    """What was found of each release's security."""

    def save(self, release: ReleaseId, assessment: Assessment, /) -> None:
        """Takes the place of an earlier one of the release."""

    def get(self, release: ReleaseId) -> Assessment | None:
        """None where it was not assessed, or too long ago."""

    def of(self, environment: EnvironmentKey, limit: int = 20) -> Sequence[tuple[int, Assessment]]:
        """(release, assessment), the newest first."""


class ResultStore(Protocol):
    """What the tests of each release said."""

    def save(self, release: ReleaseId, tested: Tested, /) -> None:
        """Takes the place of an earlier one of the release."""

    def get(self, release: ReleaseId) -> Tested | None:
        """None where it was not tested, or too long ago."""

    def of(self, environment: EnvironmentKey, limit: int = 20) -> Sequence[tuple[int, Tested]]:
        """(release, what its tests said), the newest first."""


class Store(Protocol):
    """What was observed, and history. Never desired state: losing it costs history only.

    Synchronous: a call takes well under a millisecond. A write that returned survives the death of the process.
    Everything may raise StoreError or DiskFull.
    """

    @property
    def releases(self) -> ReleaseStore: ...

    @property
    def deployments(self) -> DeploymentStore: ...

    @property
    def conditions(self) -> ConditionStore: ...

    @property
    def events(self) -> EventStore: ...

    @property
    def runs(self) -> RunStore: ...

    @property
    def assessments(self) -> AssessmentStore: ...

    @property
    def results(self) -> ResultStore: ...

    def close(self) -> None: ...
