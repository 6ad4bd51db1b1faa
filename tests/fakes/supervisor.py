"""A supervisor without processes: what was launched is in `launched`, and tests set the phase."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pullet.domain.errors import RuntimeFailed
from pullet.domain.runtime import Phase
from pullet.drivers.supervision import Supervised, SupervisedState


class FakeSupervisor:
    def __init__(self) -> None:
        self.launched: dict[Path, Supervised] = {}
        self._states: dict[Path, SupervisedState] = {}
        self._next_pid = 1000

    async def launch(self, supervised: Supervised) -> SupervisedState:
        folder = supervised.folder
        if self.observe(folder).shim_pid is None:
            self._next_pid += 2
            self.launched[folder] = supervised
            self._states[folder] = SupervisedState(
                folder, Phase.UP, self._next_pid, self._next_pid + 1, 1.0, 0, labels=supervised.labels
            )
        return self._states[folder]

    def observe(self, folder: Path) -> SupervisedState:
        return self._states.get(folder) or SupervisedState(folder, Phase.GONE, None, None, 0.0, 0)

    async def stop(self, folder: Path, drain: float) -> None:
        self._states.pop(folder, None)

    async def transfer(self, folder: Path, supervised: Supervised) -> SupervisedState:
        if folder not in self._states:
            raise RuntimeFailed(f"Nothing runs in {folder.name} any more")
        state = dataclasses.replace(self._states.pop(folder), folder=supervised.folder, labels=supervised.labels)
        self._states[supervised.folder] = state
        self.launched[supervised.folder] = supervised
        return state

    def set(self, folder: Path, **changes: object) -> None:
        """Let the world change: `set(folder, phase=Phase.CRASHED, exit_code=1)`."""
        self._states[folder] = dataclasses.replace(self._states[folder], **changes)  # type: ignore[arg-type]
