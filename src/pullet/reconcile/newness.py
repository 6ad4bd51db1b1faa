"""Whether an environment's data are new, so that what makes tables once is still to run.

Told from what is there before the first service is provided, and written down at once: a restored backup, a copy and
data of a former release are never new. Where an app keeps nothing, each release begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.services import ServiceSpec
from pullet.reconcile.neighbours import Neighbours


class Newness:
    def __init__(self, neighbours: Neighbours, environment: EnvironmentSpec) -> None:
        self._world = neighbours
        self._environment = environment

    async def note(self, specs: Iterable[ServiceSpec]) -> None:
        """Before anything is provided or copied."""
        copied = self._environment.clone_data_from not in (None, self._environment.key.name)
        if copied or not _keeps_data(specs) or await self._world.services.observe(self._environment.key):
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._file.touch()

    def holds(self, specs: Iterable[ServiceSpec]) -> bool:
        return self._file.exists() or not _keeps_data(specs)

    def finish(self) -> None:
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        key = self._environment.key
        return self._world.home.services / key.app / key.name / "new"


def _keeps_data(specs: Iterable[ServiceSpec]) -> bool:
    return any(spec.type.holds_data for spec in specs)
