"""Cron expressions and time zones, checked where they are written down."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

from pullet.domain.app import CRON_SHORTHANDS

_CRON = re.compile(r"([0-9A-Za-z*/,-]{1,200} +){4}[0-9A-Za-z*/,-]{1,200}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")
_SOME_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
_RANGES = {
    # by what cronsim says of a field that is wrong
    "Bad minute": "minutes from 0 to 59",
    "Bad hour": "hours from 0 to 23",
    "Bad day-of-month": "days of the month from 1 to 31, of a month that has them",
    "Bad month": "months from 1 to 12 or JAN to DEC",
    "Bad day-of-week": "days of the week from 0 to 7 or SUN to SAT",
}


def _cron(text: str) -> str:
    if text in CRON_SHORTHANDS:
        return text
    if not _CRON.fullmatch(text):
        raise ValueError(f'five cron fields such as "0 3 * * *", or {", ".join(CRON_SHORTHANDS)}')
    try:
        next(CronSim(text, _SOME_YEAR))
    except CronSimError as err:
        raise ValueError(f"five cron fields with {_RANGES.get(str(err), 'valid values')}") from None
    except StopIteration:
        raise ValueError("a date that comes") from None
    return text


def _time_zone(name: str) -> str:
    if not _ZONE.fullmatch(name):
        raise ValueError('the IANA name of a time zone such as "Europe/Vienna"')
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"the IANA name of a time zone{_perhaps(name)}") from None


def _perhaps(name: str) -> str:
    """The name that was probably meant, also where only the city or the capitals are known."""
    names = {known.lower(): known for known in sorted(available_timezones())}
    cities = {known.rpartition("/")[2]: known for known in names if "/" in known}
    close = difflib.get_close_matches(name.lower(), [*names, *cities], n=1, cutoff=0.7)
    return f', perhaps "{names[cities.get(close[0], close[0])]}"' if close else ' such as "Europe/Vienna"'


Cron = Annotated[str, AfterValidator(_cron)]
"""Five fields, or a shorthand such as @daily."""

TimeZone = Annotated[str, AfterValidator(_time_zone)]
"""A name of the IANA database."""
