"""Artifacts, releases, deployments: what was made of a revision and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pullet.domain.app import AppSpec
from pullet.domain.healing import Heal
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision


@dataclass(frozen=True)
class Artifact:
    """Build output: a checked-out tree plus a Python environment that holds its dependencies."""

    tree: str
    """Absolute path of the checked-out repository."""
    python: str
    """Absolute path of the environment's interpreter."""
    environment_digest: str
    """Identity of the Python environment: interpreter + locked dependencies. Equal digests share one environment."""
    python_version: str
    lock: str
    """Absolute path of the resolution that was installed, kept with the release so that a rollback gets the same."""
    python_path: tuple[str, ...] = ()
    """Absolute folders from which the app's own code is imported."""
    python_reason: str = ""
    """Why the interpreter is not the one that was asked for, or not the newest; empty where it is."""


@dataclass(frozen=True)
class Candidate:
    """What should be live: a revision with a configuration. Two equal candidates need one release only."""

    revision: Revision
    configuration: str
    """Digest of everything the fleet says about the environment that a process can see (variables, scale…)."""

    @property
    def id(self) -> str:
        return f"{self.revision.sha}-{self.configuration}"


class Stage(StrEnum):
    """How far a release has come. Stages are passed in this order; only a heal goes back, to be built otherwise."""

    OPENED = "opened"
    RESOLVED = "resolved"  # checked out, configuration read, app understood
    BUILT = "built"
    CHECKED = "checked"  # gates passed
    PREPARED = "prepared"  # backing services and release commands done

    @property
    def rank(self) -> int:
        return list(Stage).index(self)


class Verdict(StrEnum):
    NONE = "none"
    GOOD = "good"  # it served and outlived its watch window
    BAD = "bad"  # it failed before or after the switch: never tried again by itself


@dataclass(frozen=True)
class Release:
    """Artifact + configuration, immutable once built."""

    id: ReleaseId
    candidate: Candidate
    stage: Stage
    verdict: Verdict
    created: float
    """Seconds since the epoch."""
    spec: AppSpec | None = None
    artifact: Artifact | None = None
    variables: tuple[tuple[str, str], ...] = ()
    """The variables of the fleet at that time; the app's own defaults are in `spec`."""
    heals: tuple[Heal, ...] = ()
    """In the order in which they were made."""


class Trigger(StrEnum):
    COMMIT = "commit"
    CONFIGURATION = "configuration"
    ROLLBACK = "rollback"
    AUTOMATIC_ROLLBACK = "automatic-rollback"
    RETRY = "retry"
    RESUME = "resume"


class Outcome(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"  # a newer commit came first
    INTERRUPTED = "interrupted"  # the daemon stopped; the next start goes on with it
    WARNED = "warned"  # a step that went well and showed something that its owner should look at
    ROLLED_BACK = "rolled-back"  # went live, then failed in its watch window


@dataclass(frozen=True)
class StepRecord:
    """One step of a deployment as it really went."""

    name: str
    started: float
    finished: float | None
    outcome: Outcome
    message: str = ""
    log: str = ""
    """Name of the log stream, empty where the step wrote nothing."""


@dataclass(frozen=True)
class Deployment:
    """One attempt to make a release live."""

    environment: EnvironmentKey
    number: int
    release: int
    revision: Revision
    trigger: Trigger
    outcome: Outcome
    started: float
    finished: float | None
    steps: tuple[StepRecord, ...] = ()
    error_code: str = ""
    error: str = ""
    hint: str = ""
    context: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened, for people who look later: a heal, a skipped revision, a crash."""

    cursor: int
    at: float
    environment: str
    """`app/name`, or empty for the box as a whole."""
    kind: str
    message: str
    deployment: int | None = None
