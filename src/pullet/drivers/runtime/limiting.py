"""Commands that run once within limits for their whole tree, of which nothing is left afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.domain.command import Command
from pullet.drivers.runtime import joining, proc
from pullet.drivers.runtime.cgroups import ControlGroups, members

_PREFIX = "once-"
_END_LIMIT = 5.0  # seconds for killed processes to be gone
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Limits:
    """The control groups of one command; none where the box has none."""

    folders: tuple[str, ...]
    memory: int | None

    def of(self, command: Command) -> Command:
        """`command` within the limits, whatever its own words do first."""
        if not self.folders:
            return command
        words = (sys.executable, "-I", "-S", joining.__file__, *self.folders, "--", *command.argv)
        return replace(command, argv=words)

    @property
    def exceeded(self) -> str:
        """For people; empty: nothing was killed for want of memory."""
        if not proc.oom_kills([*self.folders]):
            return ""
        return "pullet: killed: over its memory limit" + (f" of {self.memory >> 20} MB" if self.memory else "")


@contextlib.asynccontextmanager
async def limited(groups: ControlGroups, memory: int | None) -> AsyncIterator[Limits]:
    """`memory` in bytes; None: only the number of processes is limited."""
    await asyncio.to_thread(_sweep, groups)
    limits = Limits(tuple(groups.make_named(f"{_PREFIX}{os.getpid()}-{next(_numbers)}", memory)), memory)
    try:
        yield limits
    finally:
        await _end(limits.folders)


async def _end(folders: tuple[str, ...]) -> None:
    """Also what has left its process group and session."""
    deadline = time.monotonic() + _END_LIMIT
    while any(map(os.path.exists, folders)) and time.monotonic() < deadline:
        for pid in members(folders):
            proc.signal_quietly(pid, signal.SIGKILL)
        proc.remove_groups([*folders])
        await asyncio.sleep(0.001)


def _sweep(groups: ControlGroups) -> None:
    """Remove what a killed daemon left: its commands died with it."""
    for folder in groups.folders():
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if folder.name.startswith(_PREFIX) and owner.isdecimal() and not Path("/proc", owner).exists():
            proc.remove_groups([str(folder)])
