"""What the core needs from the world. One Protocol a neighbour; drivers implement them, fakes in tests/ do too, and one
contract suite per port runs on both.

Every method is idempotent unless it says otherwise: a crash may happen between any two of them and they will be called
again. Expected trouble is a `PulletError`; a driver never lets a foreign exception out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pullet.domain.app import AppSpec
from pullet.domain.backup import Backup, BackupManifest, Retention
from pullet.domain.conditions import Condition
from pullet.domain.errors import PulletError
from pullet.domain.fleet import FleetState, SourceSpec
from pullet.domain.frames import Frame
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId, Revision
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
from pullet.domain.runtime import Capability, Instance, RunRequest, Spare, StartRequest, Workplace
from pullet.domain.secrets import SecretPlace
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType, Shell


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

    async def capabilities(self) -> Sequence[Capability]: ...

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


class Terminal(Protocol):
    """Somebody who looks at a command while it runs, and types."""

    size: tuple[int, int] | None
    """(rows, columns); None: pipes, no terminal."""

    def frames(self) -> AsyncIterator[Frame]:
        """What they say, until they are gone."""

    async def send(self, frame: Frame) -> None:
        """Waits while they do not read. Raises nothing when they are gone."""


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

    async def attach(
        self, workplace: Workplace, argv: Sequence[str], terminal: Terminal, *, term: str, timeout: float | None
    ) -> int:
        """Run a command in a release's workplace and sandbox for somebody who looks at it; its exit code, 128+n where a
        signal ended it. It ends when they go away. Raises RuntimeFailed."""

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


class ServiceProvider(Protocol):
    """One type of backing service: databases, servers, files or folders that outlive releases.

    Data is never deleted but by `remove`. Where a method replaces data (`clone`, `load`), the old data stays in place
    until the new is whole; after a crash in between, the old is still there, and what was half made is cleared away by
    the next call. Everything may raise ServiceFailed or DiskFull.
    """

    type: ServiceType

    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        """Have the service there and running, with its data as it was; the same grant each time.

        Also what is asked for later (extensions, another memory limit) is applied. Fast when nothing is to be done.
        """

    async def seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        """Of files and folders: take what the repository brought at `source` as their beginning, once, while they are
        new. Nothing where `source` is a link or not there; servers never do anything."""

    async def ensure(self) -> None:
        """Have everything that was provided running again: after a crash, a kill or a restart of the box. Cheap: called
        every few seconds."""

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        """Every service there is data of, whether or not an app still asks for it."""

    async def clone(self, origin: ServiceKey, key: ServiceKey, spec: ServiceSpec, log: LogSink) -> Grant:
        """Provide `key` with a copy of the origin's data as of now, consistent in itself, in place of what it held.

        The origin goes on being used and sees no interruption; later writes to either are not seen by the other.
        """

    async def dump(self, key: ServiceKey, folder: Path) -> None:
        """Write the data, consistent in itself, as files into the empty `folder`: for a backup or a snapshot."""

    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:
        """Replace the data by what `dump` wrote, wholly or not at all. Raises ServiceFailed for a dump that is damaged
        or cut short, with the data left as it was."""

    async def remove(self, key: ServiceKey) -> None:
        """Delete the service and its data for good."""

    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:
        """What people look into the data with. Raises NotFound where the box has no such program."""

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        """End its processes (of one environment where servers are not shared); the data stays."""

    async def capabilities(self) -> Sequence[Capability]: ...


class Backups(Protocol):
    """Encrypted copies of the services' data at a destination outside the home.

    Everything may raise BackupFailed (destination missing or out of reach, another key, damage) or DiskFull. What was
    saved is never changed; only `prune` takes any away. Calls of one object queue up, they never overlap.
    """

    async def save(self, folder: Path, manifest: BackupManifest) -> Backup:
        """Keep every file of `folder` as one backup: whole, or not listed. Makes the repository at the destination
        where there is none yet. Nothing else may write to the folder meanwhile."""

    async def list(self) -> Sequence[Backup]:
        """Every whole backup, the oldest first; none where nothing was saved yet."""

    async def manifest(self, backup: str) -> BackupManifest:
        """Raises NotFound."""

    async def restore(self, backup: str, destination: Path) -> BackupManifest:
        """Write the files to `destination`, which must not exist: verified, and all of them, or it does not come to
        exist. Raises NotFound, UsageError."""

    async def check(self) -> None:
        """Read all that is at the destination and verify it; may take as long as it is big."""

    async def prune(self, target: str, retention: Retention) -> int:
        """Remove the target's backups that the retention does not keep; return how many those were."""

    async def capabilities(self) -> Sequence[Capability]: ...


class Secrets(Protocol):
    """Values that nobody but an app's processes sees."""

    def values(self, environment: EnvironmentKey, names: Sequence[str]) -> Mapping[str, str]:
        """The values of generated secrets: made once, the same ever after. Raises StoreError, DiskFull."""

    def fresh(self) -> str:
        """A new value such as generated secrets have; it is kept nowhere."""

    def recipient(self) -> str:
        """The public key that everybody may seal secrets with for this target. Raises StoreError, DiskFull."""

    def seal(self, place: SecretPlace, value: str) -> str:
        """One line of text (`age:…`), safe to publish, that only this target opens and only for that place.

        Raises UsageError for a value that no variable can hold, StoreError, DiskFull.
        """

    def open(self, environment: EnvironmentKey, sealed: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        """Name -> value of each (name, sealed text). Raises SecretUnreadable, which never tells a value; StoreError."""


class Prober(Protocol):
    async def probe(self, socket: str, host: str, path: str, timeout: float) -> int:
        """Status code of GET `path` over the unix socket. Raises ProbeFailed with what happened instead."""


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

    def close(self) -> None: ...
