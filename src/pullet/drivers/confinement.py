"""The seam between drivers that run foreign code and the sandbox that confines it.

Builds, release commands and apps are hostile: each runs as its app's own user (where Pullet is root), sees the system
read-only, and may write only what is named here. `drivers.runtime.sandbox` implements `Sandbox` with bubblewrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pullet.domain.command import Command
from pullet.domain.runtime import Capability


@dataclass(frozen=True)
class Confinement:
    app: str
    """Whose code it is: each app gets a user of its own."""
    writable: tuple[str, ...] = ()
    """Absolute folders it may write, owned by the app's user. Everything else is read-only or hidden."""
    readable: tuple[str, ...] = ()
    """Absolute paths inside Pullet's home (or another hidden place) that it may read."""
    network: bool = True
    memory: int | None = None
    """Bytes for the whole process tree."""
    processes: int | None = None
    open_files: int | None = None
    shown_as: tuple[tuple[str, str], ...] = ()
    """(one of the writable folders, another absolute path at which it is seen too): for code that was written for an
    image. Nothing of the box is hidden by it but what the sandbox shows at that path; without effect where there is no
    sandbox."""


class Sandbox(Protocol):
    def confine(self, command: Command, confinement: Confinement) -> Command:
        """The command that runs `command` confined; unchanged (but for limits) where the box allows no sandbox."""

    def hand_over(self, path: Path, app: str) -> None:
        """Make the app's user the owner of the tree at `path` (nothing to do when Pullet is not root)."""

    def user(self, app: str) -> int | None:
        """The uid that the app's code runs as; None: Pullet's own."""

    def can_show(self, folder: Path) -> bool:
        """Whether code that is confined could read what lies in `folder`, were it named as readable."""

    def capabilities(self) -> Sequence[Capability]:
        """What of this the box allows."""
