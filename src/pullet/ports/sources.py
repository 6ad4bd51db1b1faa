"""Where commits and desired state come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pullet.domain.fleet import FleetState, SourceSpec
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it


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

    async def committed(self) -> float | None:
        """When the commit was made, in seconds since the epoch, as it says itself; None where it does not say."""


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

    async def history(self, source: SourceSpec, sha: str, folder: Path) -> None:
        """Make a bare repository at the empty `folder` that has the commit as HEAD, and all that came before it. Users
        of the box can read it; the address that it came from is not in it. Raises SourceError, SourceRefused, DiskFull.
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
