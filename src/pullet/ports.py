"""What the core needs from the world. One Protocol a neighbour; drivers implement them, fakes in tests/ do too, and one
contract suite per port runs on both.

Every method is idempotent unless it says otherwise: a crash may happen between any two of them and they will be called
again. Expected trouble is a `PulletError`; a driver never lets a foreign exception out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pullet.domain.app import AppSpec
from pullet.domain.fleet import FleetState, SourceSpec
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it
from pullet.domain.release import Artifact
from pullet.domain.runtime import Capability, Instance, RunRequest, Spare, StartRequest


class Clock(Protocol):
    """Two clocks: people read `now`, durations come from `monotonic`, so a jump of the wall clock harms nothing."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class LogSink(Protocol):
    """Where the output of a step goes, line by line, as it comes."""

    def __call__(self, line: str, /) -> None:
        """`line` has no line end and no secret in it."""


@dataclass(frozen=True)
class TreeEntry:
    path: str
    """Relative, with `/`; may hold anything a hostile repository can name. Bytes that are not UTF-8 are surrogates
    (`os.fsencode` gives them back), so it must be escaped before it is printed or stored as text."""
    size: int
    """Bytes."""
    kind: str
    """`file`, `link` or `submodule`."""


class Tree(Protocol):
    """The files of one commit, read from git's objects: no checkout, no link is followed, nothing is run."""

    async def entries(self) -> Sequence[TreeEntry]:
        """Every file, link and submodule. Raises SourceRefused over the limits."""

    async def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The contents of those of `paths` that are regular files of at most 1 MiB."""


class Source(Protocol):
    """A git repository somewhere."""

    async def poll(self, source: SourceSpec) -> Refs:
        """One question to the remote, cheap enough for every second. Raises SourceError."""

    async def fetch(self, source: SourceSpec, sha: str) -> None:
        """Bring the commit into the local mirror. Raises SourceError, SourceRefused."""

    async def default_branch(self, source: SourceSpec) -> str:
        """The branch to deploy when nobody named one. Raises BranchMissing where there is no way to choose."""

    def tree(self, source: SourceSpec, sha: str) -> Tree:
        """The files of a fetched commit."""

    async def check_out(self, source: SourceSpec, sha: str, destination: Path) -> None:
        """Write the commit's files to `destination`, whole or not at all. Raises SourceRefused, DiskFull.

        What was there before is replaced; a finished check-out of the same commit is left as it is.
        """

    async def record(self, destination: Path) -> None:
        """Take the present owners and modes of a check-out as the expected ones: call it after a hand-over (chown).

        A file whose content changed in between stays drift.
        """

    async def changed_files(self, destination: Path) -> Sequence[str]:
        """Tracked files of a check-out that differ from what was written: drift. Cheap (a stat a file).

        New, untracked files are none; where the check-out itself is missing or unfinished, that is `["."]`.
        """

    async def restore_files(self, source: SourceSpec, sha: str, destination: Path, paths: Sequence[str]) -> None:
        """Put these tracked files back as they were written, owned like `destination`, without following any link
        that an app may have put in their way. Where `paths` has `.`, everything is checked out again."""

    async def forget(self, source: SourceSpec) -> None:
        """Remove the mirror."""


class Fleet(Protocol):
    """The fleet repository: desired state, and nothing else, lives here."""

    async def read(self) -> FleetState: ...

    async def write(self, app: str, text: str | None, *, author: str, reason: str) -> str:
        """Replace (or with None remove) the app's file as one commit; return the commit id.

        Not for a fleet that is read from a remote: raises UsageError that says to commit there instead.
        """

    async def text(self, app: str) -> str | None:
        """The app's file as it stands, for an edit that keeps comments."""


class Builder(Protocol):
    async def build(
        self, release: ReleaseId, spec: AppSpec, tree: Path, previous: Artifact | None, log: LogSink
    ) -> Artifact:
        """Install the dependencies, run the build commands, compile. Raises BuildFailed, DiskFull.

        `tree` is the checked-out repository. Of two builds with equal interpreter and lock the second installs nothing.
        """

    async def discard(self, environment_digests_in_use: frozenset[str]) -> int:
        """Remove Python environments that no release uses any more; return the bytes freed."""


@dataclass(frozen=True)
class GateResult:
    gate: str
    passed: bool
    summary: str


class Gate(Protocol):
    """A check that may block a release. The core knows none by name."""

    name: str

    async def check(self, release: ReleaseId, spec: AppSpec, artifact: Artifact, log: LogSink) -> GateResult: ...


@dataclass(frozen=True)
class RunResult:
    exit_code: int
    duration: float
    output: str
    """The last lines, redacted."""


class Runtime(Protocol):
    """Processes of releases, which outlive the daemon."""

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[Instance]:
        """Every instance that exists, read from the box, not from memory."""

    async def start(self, request: StartRequest) -> Instance:
        """Start the instance; where it already runs, adopt it. Takes a fitting warm spare when there is one.

        Returns once the process is on its way; whether it works is for a probe. Raises StartFailed, RuntimeFailed.
        """

    async def stop(self, instance: InstanceId, drain: float) -> None:
        """SIGTERM, up to `drain` seconds, SIGKILL for the whole tree; return once nothing is left of it."""

    async def run(self, request: RunRequest, log: LogSink) -> RunResult:
        """Run a command once in a release's workplace and sandbox; any exit code is a result, not an error."""

    async def prepare_spare(self, request: StartRequest) -> Spare | None:
        """Have one warm interpreter ready for the next release like `request`'s; None where memory or the server
        do not allow it. Discards one with another key."""

    async def spares(self, environment: EnvironmentKey | None = None) -> Sequence[Spare]: ...

    async def discard_spares(self, environment: EnvironmentKey) -> None: ...

    def log_path(self, instance: InstanceId) -> Path:
        """The file its standard output and error go to."""

    async def capabilities(self) -> Sequence[Capability]: ...


@dataclass(frozen=True)
class RouteTarget:
    """Where a hostname leads."""

    release: ReleaseId | None
    """None: one of Pullet's own pages."""
    sockets: tuple[str, ...] = ()
    """Absolute paths of the upstream unix sockets."""
    static: tuple[tuple[str, str], ...] = ()
    """(URL prefix, absolute folder): files that the router serves itself."""


@dataclass(frozen=True)
class Page:
    """What a visitor sees while nothing is live: status 502 (503 when suspended), never a blank."""

    title: str
    message: str
    status: int = 502


class Router(Protocol):
    async def ensure(self) -> None:
        """Have the router running; outlives the daemon. Raises PortTaken, RouterError."""

    async def routes(self) -> Mapping[str, RouteTarget]:
        """What really is routed, read from the router's own files."""

    async def switch(self, host: str, target: RouteTarget) -> None:
        """Lead the host to the target's sockets in one atomic act: no request is lost between old and new."""

    async def show_page(self, host: str, page: Page) -> None: ...

    async def remove(self, host: str) -> None: ...

    async def stop(self) -> None:
        """End the router itself (`pullet stop`)."""

    def access_counts(self, host: str, since: float) -> tuple[int, int]:
        """(requests, 5xx answers) of the host since that time, from the access log."""

    async def capabilities(self) -> Sequence[Capability]: ...


class Prober(Protocol):
    async def probe(self, socket: str, host: str, path: str, timeout: float) -> int:
        """Status code of GET `path` over the unix socket. Raises ProbeFailed with what happened instead."""
