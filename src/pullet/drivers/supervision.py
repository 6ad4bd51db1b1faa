"""The seam between drivers that need a long-lived process and the shims that keep it.

A supervised process lives outside the daemon: kill or upgrade the daemon, and it goes on, its output keeps being
written, it is restarted when it crashes, and the next daemon adopts it. `drivers.runtime.supervisor` does this with
shims.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pullet.domain.command import Command
from pullet.domain.runtime import Phase


@dataclass(frozen=True)
class Supervised:
    """What a shim is told. The folder is the identity: at most one shim lives in it (it holds a lock there)."""

    folder: Path
    command: Command
    """`timeout` and `output_limit` do not apply: it runs until stopped, and its log is rotated."""
    user: int | None = None
    """uid and gid to run as; None: as Pullet itself."""
    ambient_capabilities: tuple[str, ...] = ()
    """Linux capabilities kept across the change of user, e.g. `net_bind_service` for the router."""
    log: Path | None = None
    """Default: `output.log` in the folder."""
    log_limit: int = 10 << 20
    """Bytes after which the log is rotated (one older file is kept)."""
    give_up_after: int | None = 5
    """Quick exits in a row after which it counts as crashed; None: never give up."""
    memory: int | None = None
    """Bytes for the process tree."""
    socket: Path | None = None
    """Where it listens. What a killed one left there is removed before each start: some servers refuse to bind."""
    labels: dict[str, str] = field(default_factory=dict)
    """Kept with the state, for whoever observes."""


@dataclass(frozen=True)
class SupervisedState:
    folder: Path
    phase: Phase
    shim_pid: int | None
    pid: int | None
    started: float
    restarts: int
    exit_code: int | None = None
    reason: str = ""
    labels: dict[str, str] = field(default_factory=dict)


class Supervisor(Protocol):
    async def launch(self, supervised: Supervised) -> SupervisedState:
        """Start the shim, or adopt the one that lives in the folder already. Raises StartFailed, RuntimeFailed."""

    def observe(self, folder: Path) -> SupervisedState:
        """Read from the box; phase GONE where no shim lives there."""

    async def stop(self, folder: Path, drain: float) -> None:
        """SIGTERM, up to `drain` seconds, SIGKILL for the whole tree; returns once nothing of it is left."""

    async def transfer(self, folder: Path, supervised: Supervised) -> SupervisedState:
        """The process that lives in `folder` goes on as `supervised`, in that one's folder (a warm spare becomes an
        instance): with its log and labels at once, with its command from its next start on. Raises RuntimeFailed where
        nothing lives in `folder`."""
