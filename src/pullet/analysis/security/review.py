"""`.pullet/review.toml`: requirements of ASVS 5.0 that people have looked at by hand, ticked in git.

Read from the base only, as waivers are: no commit says of itself that it was looked at.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pullet.analysis.security.asvs import REQUIREMENTS
from pullet.domain.errors import ConfigError
from pullet.domain.security import Basis, Finding, Severity, Spot, Tick

REVIEW_FILE = ".pullet/review.toml"
PART = "review"
_LIMIT = 1 << 18  # characters
_KEYS = ("requirement", "by", "on", "evidence", "expires")
_LASTS = timedelta(days=365)  # a tick that names no end
_EXAMPLE = """\
[[reviewed]]
requirement = "8.2.1"
by = "who looked"
on = 2026-11-20
evidence = "what was looked at: tests/test_permissions.py"
expires = 2027-11-20   # where it is left out: a year later
"""

BY_HAND: Mapping[str, tuple[tuple[str, str], ...]] = {
    "A01": (
        ("8.2.1", "functions are for those who may use them"),
        ("8.2.2", "each object is for those who may see it"),
        ("8.4.1", "what belongs to one customer stays with that one"),
    ),
    "A02": (("13.2.1", "services of the box know who asks them"), ("13.4.5", "consoles and monitors are not exposed")),
    "A03": (("15.1.2", "there is an inventory of what is used"), ("15.2.4", "packages come from where they should")),
    "A04": (("11.1.1", "keys have a life from making to destruction"), ("14.1.1", "it is known which data need it")),
    "A05": (("1.2.4", "queries put together in several steps"), ("1.2.5", "commands put together in several steps")),
    "A06": (("2.3.1", "steps of the business cannot be skipped"), ("2.3.2", "its limits hold")),
    "A07": (("6.4.3", "accounts are recovered safely"), ("7.4.1", "a session that was ended is over")),
    "A08": (("15.2.4", "what is trusted because of where it comes from"),),
    "A09": (("16.3.1", "log-ins are logged"), ("16.3.3", "attempts to get around controls are logged")),
    "A10": (("16.5.2", "the app goes on where a neighbour fails"), ("16.5.3", "it fails closed")),
}
"""What to look at first of what no machine can judge, by category of the Top Ten 2025, in words of our own."""


def parse_review(text: str) -> tuple[Tick, ...]:
    """Raises ConfigError that says which entry and what about it."""
    if len(text) > _LIMIT:
        raise ConfigError(f"{REVIEW_FILE} is longer than {_LIMIT >> 10} KB")
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        raise ConfigError(f"{REVIEW_FILE} is not TOML: {err}", hint=f"An entry looks like this:\n{_EXAMPLE}") from err
    entries = data.get("reviewed", [])
    if set(data) - {"reviewed"} or not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ConfigError(f"{REVIEW_FILE}: write [[reviewed]], and nothing else", hint=_EXAMPLE)
    heads = [n for n, line in enumerate(text.splitlines(), 1) if line.split("#")[0].strip() == "[[reviewed]]"]
    return tuple(_tick(entry, heads[number] if number < len(heads) else 0) for number, entry in enumerate(entries))


def valid(ticks: Iterable[Tick], today: date) -> tuple[Tick, ...]:
    """Those that hold today: one with a date to come has not happened yet."""
    return tuple(tick for tick in ticks if tick.on <= str(today) <= tick.expires)


def about_ticks(ticks: Sequence[Tick], today: date) -> tuple[Finding, ...]:
    """What has run out, or is dated ahead, is a finding: nobody has looked."""
    held = {tick.requirement for tick in valid(ticks, today)}
    newest = {tick.requirement: tick for tick in sorted(ticks, key=lambda each: (each.expires, each.on))}
    return tuple(_overdue(tick, today) for name, tick in sorted(newest.items()) if name not in held)


def _overdue(tick: Tick, today: date) -> Finding:
    ahead = tick.on > str(today)
    return Finding(
        rule=f"review/{'ahead' if ahead else 'expired'}",
        cwe=693,
        severity=Severity.LOW,
        basis=Basis.PATTERN,
        title=f"ASVS {tick.requirement} {'is ticked for' if ahead else 'was last looked at on'} {tick.on}",
        spot=Spot(REVIEW_FILE, tick.line),
        reason="That day is yet to come." if ahead else "Since then nobody has said that it still holds.",
        fix=f"Look again, and set new dates in {REVIEW_FILE}, or remove the entry.",
        sink=tick.requirement,
        identity=f"overdue:{tick.requirement}",
        engines=(PART,),
    )


def _tick(entry: Mapping[str, Any], line: int) -> Tick:
    where = f"{REVIEW_FILE}:{line}: [[reviewed]]"
    if unknown := sorted(set(entry) - set(_KEYS)):
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}", hint=f"Known: {', '.join(_KEYS)}.")
    for key in ("requirement", "by", "evidence"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ConfigError(f'{where} needs {key} = "…"', hint=f"An entry looks like this:\n{_EXAMPLE}")
    if entry["requirement"] not in REQUIREMENTS:
        hint = "Write its number as the report does: 8.2.1."
        raise ConfigError(f"{where}: ASVS 5.0 has no requirement {entry['requirement']!r}", hint=hint)
    on, expires = _dates(entry, where)
    return Tick(entry["requirement"], entry["by"], str(on), entry["evidence"], str(expires), line)


def _dates(entry: Mapping[str, Any], where: str) -> tuple[date, date]:
    on = entry.get("on")
    if type(on) is not date:
        raise ConfigError(f"{where} needs on = 2026-11-20, a date without quotes")
    expires = entry.get("expires", min(on, date.max - _LASTS) + _LASTS)
    if type(expires) is not date or expires < on:
        raise ConfigError(f"{where} needs expires = 2027-11-20, a date without quotes that is not before {on}")
    return on, expires
