"""When a schedule is due. Cron as Debian has it, in the schedule's own time zone, also where clocks change:

A command at a fixed time of day runs once on every day: where the clock skips that time, at the first moment after the
gap; where the clock repeats it, the first time. A command of every minute or hour keeps running in real time.
The rules of time zones are constant data; nothing here reads a clock.
"""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from pullet.domain.app import Schedule


def next_run(schedule: Schedule, after: float) -> float:
    """The first due moment later than `after`, both in seconds since 1970; infinity where none is in sight."""
    zone = ZoneInfo(schedule.time_zone)
    for moment in CronSim(schedule.cron_fields, datetime.fromtimestamp(math.floor(after), zone)):
        due_at = moment.timestamp()
        if due_at > after:  # in a repeated hour, what is next by the clock can be past
            shown = datetime.fromtimestamp(due_at, zone).replace(tzinfo=None) == moment.replace(tzinfo=None)
            # cronsim goes to the midnight of a new day even where clocks skip it, and takes it for due
            return due_at if shown else next_run(schedule, due_at - 1)
    return math.inf


def due(schedule: Schedule, last: float, now: float) -> float | None:
    """The latest due moment later than `last` and not later than `now`; None where there is none. Seconds since 1970.

    `last`: the moment that was due when the schedule last ran, else when it was first seen. What was missed meanwhile
    is due once, however often it was missed; while a clock that jumped back is behind `last`, nothing is due.
    """
    if last >= now or (found := next_run(schedule, last)) > now:
        return None
    later = math.floor(now)  # from here on, nothing is due up to `now`
    while later - found >= 1:
        middle = (found + later) // 2
        candidate = next_run(schedule, middle)
        if candidate > now:
            later = math.floor(middle)
        else:
            found = candidate
    return found
