"""A supervisor for tests: really starts the process, as a child, and knows nothing of restarts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from pullet.domain.runtime import Phase
from pullet.drivers.supervision import Supervised, SupervisedState


class PopenSupervisor:
    def __init__(self) -> None:
        self.children: dict[Path, subprocess.Popen[bytes]] = {}
        self.launched: list[Supervised] = []

    async def launch(self, supervised: Supervised) -> SupervisedState:
        if self.observe(supervised.folder).phase is not Phase.UP:
            self.launched.append(supervised)
            self.children[supervised.folder] = _start(supervised)
        return self.observe(supervised.folder)

    def observe(self, folder: Path) -> SupervisedState:
        child = self.children.get(folder)
        if child is None:
            return SupervisedState(folder, Phase.GONE, None, None, 0.0, 0)
        code = child.poll()
        if code is None:
            return SupervisedState(folder, Phase.UP, os.getpid(), child.pid, time.time(), 0)
        return SupervisedState(folder, Phase.CRASHED, None, None, 0.0, 0, code, f"exited with {code}")

    async def stop(self, folder: Path, drain: float) -> None:
        child = self.children.pop(folder, None)
        if child is not None:
            await asyncio.to_thread(_end, child, drain)

    async def transfer(self, folder: Path, supervised: Supervised) -> SupervisedState:
        raise NotImplementedError("a router is never transferred")

    def end_all(self) -> None:
        for child in self.children.values():
            _end(child, 5)


def _start(supervised: Supervised) -> subprocess.Popen[bytes]:
    log = supervised.log or supervised.folder / "output.log"
    user = supervised.user
    with log.open("ab") as output:
        return subprocess.Popen(
            supervised.command.argv,
            cwd=supervised.command.cwd,
            env=dict(supervised.command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )


def _end(child: subprocess.Popen[bytes], drain: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(drain)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
