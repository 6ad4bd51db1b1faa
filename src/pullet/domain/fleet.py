"""Desired state: what a target's directory of the fleet repository says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pullet.domain.identity import EnvironmentKey


@dataclass(frozen=True, order=True)
class SourceSpec:
    """Where commits come from. Two apps with an equal `url` are polled once."""

    url: str
    interval: float | None = None
    """Seconds between polls; None: 1 s for a local path, 15 s for a URL."""
    verify: tuple[str, ...] = ()
    submodules: bool = False


class TrackKind(StrEnum):
    BRANCH = "branch"
    TAG = "tag"
    COMMIT = "commit"


@dataclass(frozen=True)
class Track:
    """What an environment follows."""

    kind: TrackKind
    value: str
    """A branch name; a version range such as `>=1.2,<2`; or a commit id."""


@dataclass(frozen=True)
class Hold:
    """A rollback that holds: while the branch points at a skipped revision, `revision` stays live instead."""

    revision: str
    skip: tuple[str, ...]
    release: int | None = None
    """The release of that revision which was live, where this box still has it."""
    configuration: str = ""
    """Digest of the configuration when the rollback was asked for: `release` is used while it has not changed."""


@dataclass(frozen=True)
class ProcessOverride:
    instances: int | None = None
    memory: int | None = None
    spares: int | None = None


@dataclass(frozen=True)
class EnvironmentSpec:
    key: EnvironmentKey
    track: Track
    domains: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    """Name -> sealed value (`age:…`)."""
    processes: tuple[tuple[str, ProcessOverride], ...] = ()
    suspended: bool = False
    hold: Hold | None = None
    clone_data_from: str | None = None
    preview: bool = False
    """Made for a branch by `[previews]`: it goes with the branch, and its data with it."""

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.key.localhost, *self.domains)


@dataclass(frozen=True)
class PreviewSpec:
    """Which other branches become environments of their own, and for how long."""

    branches: tuple[str, ...]
    """Patterns such as `feature/*`."""
    clone_data_from: str | None = None
    expire_after: float | None = None
    """Seconds without a commit."""
    limit: int = 10


@dataclass(frozen=True)
class AppFleetSpec:
    """One file `targets/<target>/apps/<app>.toml`."""

    app: str
    source: SourceSpec
    environments: tuple[EnvironmentSpec, ...]
    previews: PreviewSpec | None = None


@dataclass(frozen=True)
class FleetState:
    """The whole of a target's directory at one commit of the fleet repository."""

    commit: str
    apps: tuple[AppFleetSpec, ...]
    errors: tuple[tuple[str, str], ...] = ()
    """(file, message) of files that could not be read; the last good reading of such an app stays in force."""
    unreadable: frozenset[str] = frozenset()
    """Apps whose file is there and says nothing that can be understood. Such an app is never removed: it is in `apps`
    as it was last read, or (nothing was read since the start) is left alone as it runs."""
