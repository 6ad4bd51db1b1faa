"""`.pullet/waivers.toml`: findings that somebody answers for, until a date. Read from the base only, so that no commit
waives itself."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pullet.domain.errors import ConfigError
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot

WAIVERS_FILE = ".pullet/waivers.toml"
PART = "waivers"
_LIMIT = 1 << 18  # characters
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_TEMPLATE = """\
[[waiver]]
fingerprint = "{fingerprint}"   # {title}
count = {count}
reason = "why this is no danger here"
owner = "who answers for it"
expires = {expires}
"""


@dataclass(frozen=True)
class Waiver:
    """Of `count` findings with one fingerprint, or of files that no engine can read."""

    fingerprint: str
    count: int
    reason: str
    owner: str
    expires: date
    line: int
    """Of the file, from 1."""
    path: str = ""
    """Instead of a fingerprint: a pattern of paths, as `tests/data/*.py`."""

    @property
    def told(self) -> str:
        return f"{self.reason} ({self.owner}, until {self.expires})"


@dataclass(frozen=True)
class Waived:
    """What is left of findings once waivers were applied."""

    counting: tuple[Finding, ...]
    waived: tuple[tuple[Finding, str], ...]
    about_waivers: tuple[Finding, ...]
    """Expired and unused ones are findings themselves."""


def parse_waivers(text: str) -> tuple[Waiver, ...]:
    """Raises ConfigError that says which entry and what about it."""
    if len(text) > _LIMIT:
        raise ConfigError(f"{WAIVERS_FILE} is longer than {_LIMIT >> 10} KB")
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        raise ConfigError(f"{WAIVERS_FILE} is not TOML: {err}", hint=f"A waiver looks like this:\n{example()}") from err
    if unknown := [key for key in data if key not in ("waiver", "unread")]:
        raise ConfigError(f"{WAIVERS_FILE}: {unknown[0]!r} is neither [[waiver]] nor [[unread]]")
    lines = {kind: _lines(text, kind) for kind in ("waiver", "unread")}
    return tuple(
        _waiver(kind, entry, lines[kind][number : number + 1] or [0])
        for kind in ("waiver", "unread")
        for number, entry in enumerate(_entries(data, kind))
    )


def example(fingerprint: str = "0123456789abcdef", title: str = "", count: int = 1, expires: str = "2027-06-30") -> str:
    """A waiver as it is written."""
    return _TEMPLATE.format(fingerprint=fingerprint, title=title or "what it is", count=count, expires=expires)


def apply(waivers: Sequence[Waiver], findings: Iterable[Finding], today: date) -> Waived:
    """Each waiver covers as many findings of its fingerprint as it says, the rest counts."""
    left = {each.fingerprint: each for each in waivers if each.fingerprint and each.expires >= today}
    room = {name: each.count for name, each in left.items()}
    counting, waived = [], []
    for finding in findings:
        if room.get(finding.fingerprint, 0) > 0:
            room[finding.fingerprint] -= 1
            waived.append((finding, left[finding.fingerprint].told))
        else:
            counting.append(finding)
    used = {finding.fingerprint for finding, _ in waived}
    about = [told for each in waivers if each.fingerprint and (told := _about(each, used, today))]
    return Waived(tuple(counting), tuple(waived), tuple(about))


def excuse(waivers: Sequence[Waiver], reports: Iterable[EngineReport], today: date) -> tuple[EngineReport, ...]:
    """Files that cannot be read, and need not be, as somebody answers for: they are counted as such, not as read."""
    valid = [each for each in waivers if each.path and each.expires >= today]
    return tuple(
        replace(report, coverage=tuple(_excused(coverage, valid) for coverage in report.coverage)) for report in reports
    )


def _excused(coverage: Coverage, waivers: Sequence[Waiver]) -> Coverage:
    found = {
        name: waiver.told for name, _ in coverage.missed for waiver in waivers if fnmatch.fnmatchcase(name, waiver.path)
    }
    if not found:
        return coverage
    missed = tuple((name, why) for name, why in coverage.missed if name not in found)
    return replace(coverage, there=coverage.there - len(found), missed=missed, excused=tuple(found.items()))


def _about(waiver: Waiver, used: set[str], today: date) -> Finding | None:
    if waiver.expires < today:
        return _finding(waiver, "expired", f"A waiver expired on {waiver.expires}", Severity.MEDIUM)
    if waiver.fingerprint not in used:
        return _finding(waiver, "stale", "A waiver covers nothing that is found any more", Severity.LOW)
    return None


def _finding(waiver: Waiver, rule: str, title: str, severity: Severity) -> Finding:
    return Finding(
        rule=f"waivers/{rule}",
        cwe=693,
        severity=severity,
        basis=Basis.WAIVER,
        title=title,
        spot=Spot(WAIVERS_FILE, waiver.line),
        reason="It would hide the same mistake, were it made again." if rule == "stale" else "Nobody answers for it.",
        exploit="What it once covered may come back, and nobody would be told.",
        fix=f"Remove the entry of {waiver.fingerprint} from {WAIVERS_FILE}, or set a new date once it was looked at.",
        code=f"{waiver.fingerprint}: {waiver.told}",
        sink=waiver.fingerprint,
        identity=f"{rule}:{waiver.fingerprint}",
        engines=(PART,),
    )


def _entries(data: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entries = data.get(kind, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{WAIVERS_FILE}: write [[{kind}]], with two brackets on either side")
    return entries


def _waiver(kind: str, entry: Mapping[str, Any], line: Sequence[int]) -> Waiver:
    where = f"{WAIVERS_FILE}:{line[0]}: [[{kind}]]"
    named = "fingerprint" if kind == "waiver" else "path"
    known = {named, "reason", "owner", "expires"} | ({"count"} if kind == "waiver" else set())
    if unknown := sorted(set(entry) - known):
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}", hint=f"Known: {', '.join(sorted(known))}.")
    texts = {key: entry.get(key) for key in (named, "reason", "owner")}
    for key, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f'{where} needs {key} = "…"', hint=f"A waiver looks like this:\n{example()}")
    if kind == "waiver" and not _FINGERPRINT.fullmatch(str(texts[named])):
        raise ConfigError(f"{where}: a fingerprint has 16 hexadecimal digits, as `pullet assess` prints it")
    expires, count = entry.get("expires"), entry.get("count", 1)
    if type(expires) is not date:
        raise ConfigError(f"{where} needs expires = 2027-06-30, a date without quotes")
    if type(count) is not int or not 1 <= count <= 1000:
        raise ConfigError(f"{where}: count is a number from 1 to 1000")
    fingerprint, path = (str(texts[named]), "") if kind == "waiver" else ("", str(texts[named]))
    return Waiver(fingerprint, count, str(texts["reason"]), str(texts["owner"]), expires, line[0], path)


def _lines(text: str, kind: str) -> list[int]:
    """Of the heads, in order: TOML's reader tells none."""
    return [n for n, line in enumerate(text.splitlines(), 1) if line.split("#")[0].strip() == f"[[{kind}]]"]
