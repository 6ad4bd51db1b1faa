"""Processes of releases: kept, asked, looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pullet.domain.frames import Frame
from pullet.domain.identity import EnvironmentKey, InstanceId
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it
from pullet.domain.runtime import Capability, Instance, RunRequest, Spare, StartRequest, Workplace
from pullet.ports.common import LogSink


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


class Prober(Protocol):
    async def probe(self, socket: str, host: str, path: str, timeout: float) -> int:
        """Status code of GET `path` over the unix socket. Raises ProbeFailed with what happened instead."""
