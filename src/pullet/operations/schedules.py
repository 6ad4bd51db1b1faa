"""What runs at set times, and how it went."""

from __future__ import annotations

import math
from pathlib import Path

from pullet.domain.errors import NotFound
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.report import ScheduleReport
from pullet.operations.control import Control
from pullet.planner.schedule import next_run
from pullet.telemetry.logs import tail

_LINES = 200


def listing(control: Control, app: str, environment: str, limit: int = 5) -> tuple[ScheduleReport, ...]:
    """Those of the live release, each with its last runs."""
    key = control.loop(app, environment).key
    store, now = control.neighbours.store, control.neighbours.clock.now()
    live = store.releases.live(key)
    spec = store.releases.get(ReleaseId(key, live)).spec if live is not None else None
    return tuple(
        ScheduleReport(
            schedule.name,
            schedule.cron,
            schedule.time_zone,
            schedule.command,
            None if math.isinf(moment := next_run(schedule, now)) else moment,
            tuple(store.runs.of(str(key), schedule.name, limit)),
        )
        for schedule in (spec.schedules if spec else ())
    )


def output(control: Control, app: str, environment: str, name: str, run: int | None) -> list[str]:
    """The last lines that a run (default: the newest) wrote."""
    key: EnvironmentKey = control.loop(app, environment).key
    runs = control.neighbours.store.runs.of(str(key), name, limit=50)
    chosen = next((each for each in runs if run in (None, each.number)), None)
    if chosen is None:
        raise NotFound(f"The schedule {name} of {key} has no such run", hint=f"`pullet schedules {app}` lists them.")
    return list(tail(Path(chosen.log), _LINES))
