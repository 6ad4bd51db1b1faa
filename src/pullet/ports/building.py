"""What makes a release of a commit, and what may hold it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pullet.domain.app import AppSpec
from pullet.domain.identity import ReleaseId
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it
from pullet.domain.release import (
    Artifact,
)
from pullet.domain.runtime import Capability
from pullet.ports.common import LogSink


@dataclass(frozen=True)
class Asked:
    """What an app asks to have installed, as far as it says so itself, and what this box would run it with."""

    digest: str = ""
    """Equal digests: the same dependency files, and the same Python asked for. Empty: they cannot be read."""
    requirements: tuple[str, ...] = ()
    """Requirement lines as they were written, of every file that the dependency file includes."""
    locked: bool = False
    """A lock file names every version."""
    indexes: tuple[str, ...] = ()
    """URLs of package indexes that the repository names."""
    installed: frozenset[str] = frozenset()
    """Canonical names of what the latest build of the release resolved."""
    python: str = ""
    """Version of the interpreter that a build takes: `3.11.7`."""
    pythons: tuple[str, ...] = ()
    """Versions of all that apps may use, the oldest first."""


@dataclass(frozen=True)
class PythonEnvironment:
    """A Python environment that has what an app's tests need: what the release has, in the same versions, and more."""

    python: Path
    lock: tuple[str, ...]
    """`name==version` of all that is installed there, sorted."""
    digest: str
    """Equal digests: the same environment."""


class Builder(Protocol):
    async def build(
        self, release: ReleaseId, spec: AppSpec, tree: Path, previous: Artifact | None, log: LogSink
    ) -> Artifact:
        """Install the dependencies, run the build commands, compile. Raises BuildFailed, DiskFull.

        `tree` is the checked-out repository; `spec.changes` are followed.
        Of two builds with equal interpreter and lock the second installs nothing.
        """

    async def for_tests(
        self, release: ReleaseId, spec: AppSpec, tree: Path, artifact: Artifact | None, log: LogSink
    ) -> PythonEnvironment:
        """The dependencies of the artifact, and what the tree's files ask for to develop and test it.

        `artifact` None: of what the tree asks for, with no release to agree with. `discard` spares it while its tests
        run. Raises BuildFailed, DiskFull.
        """

    async def asked(self, release: ReleaseId, spec: AppSpec, tree: Path) -> Asked:
        """What a diagnosis has to know of a failed build. Does not raise for what the repository says."""

    async def copy(self, tree: Path, to: Path) -> None:
        """The files of a build once more, in a folder that is not there yet. Links are kept as they are and never
        followed, and an app that writes meanwhile harms nobody. Raises BuildFailed, DiskFull."""

    async def capabilities(self) -> Sequence[Capability]: ...

    async def discard(self, environment_digests_in_use: frozenset[str]) -> int:
        """Remove Python environments that no release uses any more; return the bytes freed."""
