"""Releases on their way out, stopped beside everything else: a drain may take as long as the slowest request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pullet.domain.errors import PulletError
from pullet.domain.identity import EnvironmentKey
from pullet.domain.runtime import Instance
from pullet.reconcile.disk import disk_may_be_full, note_if_possible
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.steps import Steps
from pullet.reconcile.wakeups import Changes


class Stopping:
    """Which releases of one environment are being stopped right now.

    When the daemon dies meanwhile, the next one sees what is left over and stops it again.
    """

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours, ended: Callable[[], None]) -> None:
        self.numbers: set[int] = set()
        self._environment = environment
        self._world = neighbours
        self._ended = ended
        self._changes = Changes()

    def begin(self, number: int, instances: Sequence[Instance], steps: Steps, tasks: asyncio.TaskGroup) -> None:
        self.numbers.add(number)
        tasks.create_task(self._stop(number, instances, steps), name=f"stop:{self._environment}/{number}")

    async def until_gone(self, number: int | None) -> None:
        """What is wanted again while it stops starts afresh, once it is gone."""
        while number in self.numbers:
            changed = self._changes.subscribe()
            if number in self.numbers:
                await changed.wait()

    async def _stop(self, number: int, instances: Sequence[Instance], steps: Steps) -> None:
        try:
            await asyncio.sleep(self._world.settle)
            with disk_may_be_full(self._environment):
                await steps.stop(instances)
        except PulletError as err:
            note_if_possible(self._world.store, "trouble", err.message, self._environment)
        finally:
            self.numbers.discard(number)
            self._changes.notify()
            self._ended()
