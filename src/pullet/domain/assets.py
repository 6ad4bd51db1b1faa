"""What Node builds for an app: scripts and style sheets, made of sources in the repository before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Manager(StrEnum):
    """Who installs a package.json."""

    NPM = "npm"
    PNPM = "pnpm"
    YARN = "yarn"


@dataclass(frozen=True)
class Assets:
    """One package.json whose script is run by every build."""

    folder: str
    """Holds package.json; relative to the app's root, `.` for the root itself."""
    manager: Manager = Manager.NPM
    version: str = ""
    """Of the manager, as the owner pinned it: `9.15.4`. Empty: what its lock was written for."""
    lock: str = ""
    """The lock's path, relative to the app's root; empty where there is none."""
    commands: tuple[str, ...] = ()
    """Run in the folder after its packages are installed. None: somebody else installs and runs, with Node at hand."""
    seen_at: str = ""
    """Where the image that the commands were written for has the repository: `/app`. Empty: they name no such place."""
    node: str = ""
    """A version request such as `22` or `>=20,<23`; empty: the newest."""
    strict: bool = False
    """Another version of Node than `node` will not do: pullet.toml says so."""
