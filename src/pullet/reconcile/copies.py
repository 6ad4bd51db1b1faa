"""An environment that begins with a copy of another's data: copied once, and never shown before it was sanitized.

What was begun is noted beside the data before it is begun, so that a kill in between ends in a whole copy all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from pullet.domain.errors import StoreError
from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceSpec
from pullet.ports import LogSink
from pullet.reconcile.neighbours import Neighbours


class Progress(StrEnum):
    COPYING = "copying"
    COPIED = "copied"  # the app's sanitize commands have yet to run
    DONE = "done"


class Copies:
    def __init__(self, neighbours: Neighbours, environment: EnvironmentSpec) -> None:
        self._world = neighbours
        self._environment = environment

    @property
    def unsanitized(self) -> bool:
        return self._progress() is Progress.COPIED

    async def make(self, specs: Sequence[ServiceSpec], log: LogSink) -> None:
        """Copy where the environment is to begin with a copy and has no data yet, or where copying was interrupted."""
        origin, key = self._environment.clone_data_from, self._environment.key
        if origin is None or origin == key.name or not specs:
            return
        progress = self._progress()
        if progress is None and await self._world.services.observe(key):
            progress = Progress.DONE  # it had data of its own before it was to be a copy
        if progress in (None, Progress.COPYING):
            self._note(Progress.COPYING)
            await self._world.services.clone(EnvironmentKey(key.app, origin), key, specs, log)
            self._note(Progress.COPIED)

    def finish(self) -> None:
        self._note(Progress.DONE)

    def forget(self) -> None:
        """The data went: the next environment of this name begins anew."""
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        key = self._environment.key
        return self._world.home.services / key.app / key.name / "copy.json"

    def _progress(self) -> Progress | None:
        try:
            return Progress(json.loads(self._file.read_text())["progress"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as err:
            raise StoreError(
                f"{self._file} is damaged, so it is not known whether the data were sanitized",
                context=str(err),
                hint="Remove the environment and let it be made anew.",
            ) from err

    def _note(self, progress: Progress) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"progress": progress, "origin": self._environment.clone_data_from}))
        new.replace(self._file)
