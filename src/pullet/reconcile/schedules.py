"""Commands that run at set times, in the live release of an environment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

from pullet.domain.app import Schedule
from pullet.domain.errors import PulletError
from pullet.domain.identity import EnvironmentKey, ReleaseId, slug
from pullet.domain.release import Release
from pullet.domain.run import Run
from pullet.domain.runtime import RunRequest
from pullet.planner.schedule import due, next_run
from pullet.reconcile.disk import disk_may_be_full, note_if_possible
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.workplaces import Workplaces
from pullet.telemetry.logs import StepLog

_LOOK = 15.0  # seconds; a schedule that is new, or a clock that was set, is noticed within this time
_LOGS_KEPT = 20  # of each schedule
_NOT_STARTED = 125  # as docker and env say that the command could not be run at all


class Schedules:
    """One environment's. No schedule overlaps itself; a run that was missed is made up for once."""

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours, active: Callable[[], bool]) -> None:
        """`active`: whether anything of the environment shall run at all."""
        self._active = active
        self._environment = environment
        self._world = neighbours
        self._workplaces = Workplaces(neighbours)
        self._running: set[str] = set()
        self._seen: dict[str, float] = {}
        """Name -> since when it is known: a new schedule owes nothing from before."""

    async def run(self) -> None:
        """Until cancelled, which ends what runs."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                release = self._live()
                now = self._world.clock.now()
                for schedule in release.spec.schedules if release and release.spec else ():
                    moment = self._due(schedule, now)
                    if release is not None and moment is not None and schedule.name not in self._running:
                        self._running.add(schedule.name)
                        tasks.create_task(self._carry_out(release, schedule, moment), name=f"schedule:{schedule.name}")
                await asyncio.sleep(self._pause(release, now))

    def _live(self) -> Release | None:
        number = self._world.store.releases.live(self._environment) if self._active() else None
        return None if number is None else self._world.store.releases.get(ReleaseId(self._environment, number))

    def _due(self, schedule: Schedule, now: float) -> float | None:
        last = next(iter(self._world.store.runs.of(str(self._environment), schedule.name, limit=1)), None)
        seen = self._seen.setdefault(schedule.name, now)
        return due(schedule, last.due if last is not None else seen, now)

    def _pause(self, release: Release | None, now: float) -> float:
        schedules = release.spec.schedules if release and release.spec else ()
        soonest = min((next_run(schedule, now) for schedule in schedules), default=math.inf)
        return min(_LOOK, max(0.05, soonest - self._world.clock.now()))

    async def _carry_out(self, release: Release, schedule: Schedule, moment: float) -> None:
        try:
            with disk_may_be_full(self._environment):
                await self._run(release, schedule, moment)
        except PulletError as err:
            message = f"The schedule {schedule.name} did not run: {err.message}"
            note_if_possible(self._world.store, "schedule", message, self._environment)
        finally:
            self._running.discard(schedule.name)

    async def _run(self, release: Release, schedule: Schedule, moment: float) -> None:
        path = self._new_log(schedule, moment)
        run = self._world.store.runs.begin(str(self._environment), schedule.name, moment, str(path))
        with StepLog(path) as log:
            log(f"$ {schedule.command}")
            try:
                workplace = await self._workplaces.of(release)
                result = await self._world.runtime.run(RunRequest(workplace, schedule.command, schedule.limit), log)
            except PulletError as err:
                self._world.store.runs.finish(run, _NOT_STARTED, err.message)
                raise
        self._world.store.runs.finish(run, result.exit_code)
        if result.exit_code != 0:
            self._tell(schedule, run, result.exit_code)

    def _tell(self, schedule: Schedule, run: Run, exit_code: int) -> None:
        message = f"The schedule {schedule.name} exited with {exit_code}; its output: {run.log}"
        note_if_possible(self._world.store, "schedule", message, self._environment)

    def _new_log(self, schedule: Schedule, moment: float) -> Path:
        folder = self._world.home.logs / str(self._environment) / "schedules" / slug(schedule.name)
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("*.log"))[: 1 - _LOGS_KEPT]:
            old.unlink(missing_ok=True)
        return folder / f"{int(moment):012}.log"
