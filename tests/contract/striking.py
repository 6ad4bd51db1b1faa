"""A copy that is struck at a chosen command: for tests of kills at every moment.

As a program: `python -m tests.contract.striking HOME ORIGIN KEY MOMENT` clones a database and is killed with SIGKILL at
the moment, in which its command has been started, and runs on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceKey, ServiceSpec, ServiceType
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.services.postgresql.provider import PostgresProvider


class StrikingRunner(ProcessRunner):
    """Strikes once: as soon as a command with these words has been started, after `:N` of them have gone by."""

    def __init__(self, moment: str, strike: Callable[[], None]) -> None:
        words, _, skip = moment.partition(":")
        self._words = words.encode()
        self._left = int(skip or 0)
        self._strike = strike

    async def _spawn(self, command: Command) -> asyncio.subprocess.Process:
        process = await super()._spawn(command)
        if self._words in os.fsencode(" ".join(command.argv)) + command.stdin:
            self._left -= 1
            if self._left == -1:
                self._strike()
        return process


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _clone(home: str, origin: str, key: str, moment: str) -> None:
    supervisor = ShimSupervisor(ProcessRunner(), cgroups.detect(), use_systemd=False)
    provider = PostgresProvider(Home(Path(home)), StrikingRunner(moment, _die), supervisor)
    there, here = (ServiceKey(EnvironmentKey("shop", name), "db") for name in (origin, key))
    await provider.clone(there, here, ServiceSpec("db", ServiceType.POSTGRESQL), lambda _: None)


if __name__ == "__main__":
    asyncio.run(_clone(*sys.argv[1:]))
