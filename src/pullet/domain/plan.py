"""Steps that bring one environment from observed to desired. A plan is a value; running it happens elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from pullet.domain.identity import EnvironmentKey
from pullet.domain.release import Candidate, Stage, Verdict


class Mode(StrEnum):
    RUNNING = "running"
    SUSPENDED = "suspended"
    ABSENT = "absent"


@dataclass(frozen=True)
class Desired:
    """What one environment should be."""

    environment: EnvironmentKey
    mode: Mode
    candidate: Candidate | None
    """None: nothing can be deployed yet (the branch is missing, the source was never reached)."""
    hosts: frozenset[str]
    preferred_release: int | None = None
    """A rollback's release: used where it still exists, whatever the configuration digest says."""


@dataclass(frozen=True)
class ObservedRelease:
    number: int
    candidate: str
    """`Candidate.id`."""
    stage: Stage
    verdict: Verdict = Verdict.NONE
    running: bool = False
    """Every process it should have has its shim, and none was given up."""
    leftovers: bool = False
    """At least one process or spare of it exists, in whatever state."""
    healthy: bool = False
    """Its latest probe succeeded and its web process is up."""
    intact: bool = True
    """The files of the release are as they were built."""


@dataclass(frozen=True)
class Observed:
    """What one environment is."""

    releases: tuple[ObservedRelease, ...] = ()
    """Those whose files are still on the box, by number."""
    routes: Mapping[str, int | None] = field(default_factory=dict)
    """Hostname -> the release it leads to; None: a page of Pullet's own. Missing: not answered."""

    stale: frozenset[str] = frozenset()
    """Hostnames among `routes` that lead to sockets which the release's processes no longer listen on."""
    failed: frozenset[str] = frozenset()
    """`Candidate.id` of every candidate that went bad, also where nothing is left of its release."""

    def release(self, number: int | None) -> ObservedRelease | None:
        return next((release for release in self.releases if release.number == number), None)

    @property
    def serving(self) -> frozenset[int]:
        """Releases that at least one hostname leads to."""
        return frozenset(number for number in self.routes.values() if number is not None)


@dataclass(frozen=True)
class Open:
    """Give the candidate a release number; nothing else exists of it yet."""

    candidate: Candidate


@dataclass(frozen=True)
class Resolve:
    """Check the revision out and understand the app."""

    release: int


@dataclass(frozen=True)
class Build:
    release: int


@dataclass(frozen=True)
class Check:
    """Run the gates."""

    release: int


@dataclass(frozen=True)
class Prepare:
    """Provide what the release needs and run its release commands, under the environment's lock."""

    release: int


@dataclass(frozen=True)
class Repair:
    """Put changed files of the release back."""

    release: int


@dataclass(frozen=True)
class Start:
    release: int


@dataclass(frozen=True)
class Probe:
    release: int


@dataclass(frozen=True)
class Switch:
    """Lead every host to the release; from here on it is live."""

    release: int
    hosts: frozenset[str]


@dataclass(frozen=True)
class Stop:
    """Let the release finish what it is doing, then end it."""

    release: int


@dataclass(frozen=True)
class ShowPage:
    """Answer the hosts with a page that says why nothing is live."""

    hosts: frozenset[str]


@dataclass(frozen=True)
class Unroute:
    """Answer these hosts no longer."""

    hosts: frozenset[str]


@dataclass(frozen=True)
class Discard:
    """Remove the files of a release."""

    release: int


Step: TypeAlias = (
    Open | Resolve | Build | Check | Prepare | Repair | Start | Probe | Switch | Stop | ShowPage | Unroute | Discard
)


@dataclass(frozen=True)
class Plan:
    """Steps in order. Empty: in sync. After `Open` the rest is planned anew, since the number is known only then."""

    goal: int | None
    """The release that shall be live; None where it has no number yet, or nothing shall run."""
    steps: tuple[Step, ...]
