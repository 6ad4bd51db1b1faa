"""Processes of a release as the runtime sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pullet.domain.app import Process
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId


class Phase(StrEnum):
    STARTING = "starting"  # its shim runs, the app's process is on its way
    UP = "up"  # the app's process runs (whether it is healthy is for a probe to say)
    BACKING_OFF = "backing-off"  # it exited and will be started again
    CRASHED = "crashed"  # it exited too often: the shim gave up
    STOPPING = "stopping"
    GONE = "gone"


@dataclass(frozen=True)
class Instance:
    """One running process of a release, as observed."""

    id: InstanceId
    phase: Phase
    socket: str = ""
    """Absolute path of the unix socket that reaches it; empty for processes that serve nothing."""
    pid: int | None = None
    """The app's own process, for signals and for memory figures; None while there is none."""
    started: float = 0.0
    """Seconds since the epoch of the app process's latest start."""
    restarts: int = 0
    exit_code: int | None = None
    """Of the latest exit; negative is a signal, 137-type codes are as the shell prints them."""
    reason: str = ""
    """Why it is not up, for people: `killed: over its memory limit of 512 MB`."""
    warm: bool = False
    """It began as a warm spare."""


@dataclass(frozen=True)
class Spare:
    """An interpreter that waits, with an environment's third-party modules imported, for a release to serve."""

    environment: EnvironmentKey
    process: str
    key: str
    """Digest of Python environment, variables, server and imported modules: a spare serves only an equal key."""
    pid: int
    memory: int
    """Bytes it holds while it waits."""
    ready: bool


@dataclass(frozen=True)
class Workplace:
    """Where a process of a release runs and what it sees; everything else of the box is hidden where possible."""

    release: ReleaseId
    tree: str
    """Absolute path of the app's root in the checked-out tree: working directory and the only writable place."""
    python: str
    """Absolute path of the interpreter; its `bin` folder comes first on PATH."""
    python_path: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Everything the process finds in its environment, beyond PATH, HOME, PORT and the like that the runtime sets."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that never appear in a log."""
    folders: tuple[str, ...] = ()
    """Absolute folders outside the tree that it may write: files and folders that outlive releases."""
    readable: tuple[str, ...] = ()
    """Absolute paths beyond the system's that it may read."""
    environment_digest: str = ""
    """Identity of the Python environment, part of a spare's key."""
    memory: int | None = None
    """Bytes that a command which runs once may hold with all it starts; a process has a limit of its own."""


@dataclass(frozen=True)
class StartRequest:
    id: InstanceId
    workplace: Workplace
    process: Process


@dataclass(frozen=True)
class RunRequest:
    """A command that runs once in the workplace and ends: a build command, a release command."""

    workplace: Workplace
    command: str
    timeout: float
    """Seconds."""
    network: bool = True


@dataclass(frozen=True)
class Capability:
    """One thing the box allows or does not, for `pullet doctor`."""

    name: str
    available: bool
    detail: str
    hint: str = ""
