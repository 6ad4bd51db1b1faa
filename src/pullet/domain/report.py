"""What a user is shown: frozen values that the command line, the API and the pages share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pullet.domain.conditions import Condition
from pullet.domain.release import Deployment
from pullet.domain.run import Run
from pullet.domain.services import ServiceType


@dataclass(frozen=True)
class ProcessStatus:
    name: str
    index: int
    phase: str
    pid: int | None
    memory: int
    """Bytes resident, of the whole process tree."""
    restarts: int
    warm: bool
    reason: str = ""


@dataclass(frozen=True)
class SpareStatus:
    process: str
    pid: int
    memory: int
    """Bytes that waiting costs."""
    ready: bool


@dataclass(frozen=True)
class EnvironmentStatus:
    app: str
    environment: str
    source: str
    follows: str
    """`branch main`, `tag >=1.2,<2`, `commit 1a2b…`."""
    revision: str
    """Of the live release, `main@sha1:…`; empty where nothing is live."""
    release: int | None
    urls: tuple[str, ...]
    conditions: tuple[Condition, ...]
    processes: tuple[ProcessStatus, ...] = ()
    spares: tuple[SpareStatus, ...] = ()
    deployment: Deployment | None = None
    """The latest."""
    heals: tuple[str, ...] = ()
    """What healing changed for the live release, and why."""

    @property
    def ready(self) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type == "Ready"), None)


@dataclass(frozen=True)
class TargetStatus:
    """`pullet status`."""

    home: str
    target: str
    version: str
    daemon_pid: int
    router_port: int
    fleet: str
    fleet_commit: str
    fleet_error: str
    environments: tuple[EnvironmentStatus, ...]


class SecretState(StrEnum):
    SEALED = "sealed"  # in the fleet, and this target opens it
    UNREADABLE = "unreadable"  # in the fleet, and this target cannot open it
    VARIABLE = "variable"  # given as a plain variable instead
    GENERATED = "generated"  # made by Pullet, kept on the box
    MISSING = "missing"  # asked for, and nothing sets it


@dataclass(frozen=True)
class SecretStatus:
    """One secret of an environment. There is no place for a value here."""

    name: str
    state: SecretState
    trouble: str
    """Why it is unreadable."""
    asked_for: str
    """The file and line that ask for it; empty where nothing does."""


@dataclass(frozen=True)
class ServiceReport:
    """One backing service: `pullet services`."""

    app: str
    environment: str
    name: str
    type: ServiceType
    running: bool
    size: int
    """Bytes."""
    asked_for: bool
    """False: no live release uses it any more; the data stay until somebody removes them."""
    detail: str = ""


@dataclass(frozen=True)
class ScheduleReport:
    """One schedule of an environment: `pullet schedules`."""

    name: str
    cron: str
    time_zone: str
    command: str
    next: float | None
    """Seconds since the epoch; None: never."""
    runs: tuple[Run, ...]
    """The newest first."""


@dataclass(frozen=True)
class PreviewReport:
    """`pullet previews`."""

    enabled: bool
    branches: tuple[str, ...]
    """Patterns."""
    clone_data_from: str | None
    expire_after: float | None
    """Seconds."""
    limit: int
    environments: tuple[tuple[str, str], ...]
    """(branch, environment)."""
    passed_over: tuple[tuple[str, str], ...]
    """(branch, why it has none)."""


@dataclass(frozen=True)
class HealReport:
    """`pullet heal`."""

    release: int
    heals: tuple[str, ...]
    """Each change, why it was made, and the line that would make it permanent."""
    patch: str
    """A unified diff for the repository; empty where nothing was changed."""


@dataclass(frozen=True)
class Progress:
    """One line of a stream that ends with `done`."""

    message: str = ""
    deployment: Deployment | None = None
    done: bool = False
    ok: bool = False
    status: EnvironmentStatus | None = None
    """With `done`: what came of it."""
    error_code: str = ""
    error: str = ""
    context: str = ""
    hint: str = ""
