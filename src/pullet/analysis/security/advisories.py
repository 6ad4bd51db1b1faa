"""Published vulnerabilities of Python packages (OSV's schema, as in PyPA's advisory database), and which version has
them. Versions are compared as PEP 440 says, never as text: 3.2.0 is 3.2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pullet.analysis.detection.vendors.documents import Node, read_json, read_yaml
from pullet.analysis.security.cvss import base_score, severity_of
from pullet.domain.security import MALICIOUS_CODE, Basis, Finding, Severity, Spot

VULNERABLE = 1395
CWES = (MALICIOUS_CODE, VULNERABLE)
RECORD_LIMIT = 512 * 1024  # characters; the largest of two thousand has 19 thousand
_ECOSYSTEM = "pypi"
_VERSIONS = 5000  # of one record
_EVENTS = ("introduced", "fixed", "last_affected")
_EXPLOITED = "What the advisory tells how to do: its text and often a working example are public."
_MALICE = "It runs with the rights of the app, or of whoever installs it, from the moment that it is installed."
_NOT_RATED = "The advisory gives no severity: high until somebody looked."
_WORDS = {"moderate": "medium", **{str(each): str(each) for each in Severity}}


@dataclass(frozen=True)
class Range:
    """Versions from `introduced` on, up to but without `fixed`, or up to and with `last`."""

    introduced: str
    fixed: str = ""
    last: str = ""


@dataclass(frozen=True)
class Advisory:
    """One record, for one package."""

    id: str
    package: str
    """Canonical name."""
    ranges: tuple[Range, ...]
    versions: tuple[str, ...]
    aliases: tuple[str, ...]
    summary: str
    severity: str = ""
    """`critical`…`low`; empty where the record gives none."""
    rated: str = ""
    """What the severity comes from: `CVSS base score 9.8`."""
    weaknesses: tuple[str, ...] = ()
    """CWEs of the defect within the package, `CWE-89`."""
    references: tuple[str, ...] = ()

    @property
    def malicious(self) -> bool:
        """Whether the package itself is the attack."""
        return self.id.startswith("MAL-")


def parse_advisory(name: str, text: str) -> tuple[Advisory, ...]:
    """Of each package of PyPI that the record is about; none where it was withdrawn.

    Raises ValueError for text that is no record, or that does not say which versions it is about.
    """
    read = read_json if name.endswith(".json") else read_yaml
    record = read(text, RECORD_LIMIT)
    if not record.get("id").text:
        raise ValueError("it is no advisory that can be read")
    if record.get("withdrawn").text:
        return ()
    return tuple(_advisories(record))


def matches(advisory: Advisory, version: str) -> bool:
    """Whether the version has the defect. A build of somebody's own, `2.8+cpu`, has what 2.8 has. A version that is
    none by PEP 440 is compared as text with those listed."""
    try:
        parsed = Version(Version(version).public)
    except InvalidVersion:
        return version in advisory.versions
    if any(parsed == each for each in _parsed(advisory.versions)):
        return True
    return any(_within(parsed, each) for each in advisory.ranges)


def fixed_in(advisories: Iterable[Advisory], version: str) -> str:
    """The lowest version above that no range of theirs reaches; empty where none is known."""
    try:
        parsed = Version(version)
    except InvalidVersion:
        return ""
    advisories = tuple(advisories)
    fixes = sorted(_parsed(each.fixed for advisory in advisories for each in advisory.ranges))
    candidates = (fix for fix in fixes if fix > parsed and not fix.is_prerelease)
    return next((str(fix) for fix in candidates if not any(matches(each, str(fix)) for each in advisories)), "")


def findings(package: str, version: str, spot: Spot, found: Iterable[Advisory], imported: bool | None) -> list[Finding]:
    """One for each vulnerability, however many records tell of it."""
    groups = _by_vulnerability(each for each in found if matches(each, version))
    return [_finding(package, version, spot, group, imported) for group in groups]


def _finding(package: str, version: str, spot: Spot, group: Sequence[Advisory], imported: bool | None) -> Finding:
    first = group[0]
    malicious = any(each.malicious for each in group)
    fix = fixed_in(group, version)
    names = sorted({name for each in group for name in (each.id, *each.aliases)}, key=_best_known)
    severity, reason = _rating(group)
    what = "is malicious" if malicious else "has a known vulnerability"
    return Finding(
        rule=f"advisory/{first.id}",
        cwe=MALICIOUS_CODE if malicious else VULNERABLE,
        severity=severity,
        basis=Basis.ADVISORY,
        title=f"{package} {version} {what} ({', '.join(names[:3])})",
        spot=spot,
        reason=reason,
        exploit=next((each.summary for each in group if each.summary), _MALICE if malicious else _EXPLOITED),
        fix=_remedy(package, fix, malicious),
        code=f"{package}=={version}",
        sink=package,
        identity=f"{package} {names[0]}",
        fixed_in=fix,
        imported=imported,
        references=(f"https://osv.dev/vulnerability/{first.id}", *first.references)[:6],
    )


def _rating(group: Sequence[Advisory]) -> tuple[Severity, str]:
    """The worst of what the records say, and why."""
    if any(each.malicious for each in group):
        return Severity.CRITICAL, _MALICE
    rated = [each for each in group if each.severity]
    if not rated:
        return Severity.HIGH, _NOT_RATED
    worst = min(rated, key=lambda each: list(Severity).index(Severity(each.severity)))
    classes = sorted({name for each in group for name in each.weaknesses})[:5]
    within = f" Within the package it is {', '.join(classes)}." if classes else ""
    return Severity(worst.severity), f"As the advisory rates it: {worst.rated}.{within}"


def _remedy(package: str, fix: str, malicious: bool) -> str:
    if malicious:
        return f"Remove {package}, and take every secret that was on a machine where it was installed for stolen."
    if fix:
        return f"Take {package} {fix} or newer, and commit the lock."
    return f"There is no version without it yet: do without {package}, or keep the app away from what is vulnerable."


def _best_known(name: str) -> tuple[int, str]:
    """The name that all databases know first: it is what a finding is recognised by later."""
    order = ("MAL-", "CVE-", "GHSA-", "PYSEC-")
    return next((place for place, prefix in enumerate(order) if name.startswith(prefix)), len(order)), name


def _advisories(record: Node) -> Iterator[Advisory]:
    for affected in record.get("affected").items():
        if affected.get("package", "ecosystem").text.lower() != _ECOSYSTEM:
            continue
        listed = tuple(each.text for each in affected.get("versions").items())
        ranges = tuple(_ranges(affected, bool(listed)))
        package = canonicalize_name(affected.get("package", "name").text)
        if not package or len(listed) > _VERSIONS or not (listed or ranges):
            raise ValueError("which package and versions it is about cannot be told")
        severity, rated = _severity(record, affected)
        yield Advisory(
            id=record.get("id").text,
            package=package,
            ranges=ranges,
            versions=listed,
            aliases=tuple(each.text for each in record.get("aliases").items())[:20],
            summary=_summary(record),
            severity=severity,
            rated=rated,
            weaknesses=tuple(each.text for each in record.get("database_specific", "cwe_ids").items())[:5],
            references=tuple(filter(_is_url, (each.get("url").text for each in record.get("references").items())))[:4],
        )


def _is_url(text: str) -> bool:
    return text.startswith(("https://", "http://")) and len(text) <= 500


def _ranges(affected: Node, versions_listed: bool) -> Iterator[Range]:
    """Events in the order of their versions, whatever order they are written in. A range of which one cannot be read
    says nothing where the versions are listed too; else it reaches whatever it might."""
    for each in affected.get("ranges").items():
        if each.get("type").text.upper() not in ("ECOSYSTEM", "SEMVER"):
            continue
        told = [(kind, item.text) for event in each.get("events").items() for kind, item in event.entries()]
        events = [event for event in told if event[0] in _EVENTS]
        try:
            events.sort(key=_moment)
        except InvalidVersion:
            if versions_listed:
                continue
        yield from _stretches(events)


def _moment(event: tuple[str, str]) -> tuple[Version, bool]:
    """What is introduced where something else is fixed is there."""
    kind, version = event
    return Version("0.dev0" if version == "0" else version), kind == "introduced"


def _stretches(events: Iterable[tuple[str, str]]) -> Iterator[Range]:
    begun = ""
    for kind, version in events:
        if kind == "introduced":
            begun = begun or version
        elif begun:
            yield Range(begun, fixed=version) if kind == "fixed" else Range(begun, last=version)
            begun = ""
    if begun:
        yield Range(begun)


def _within(version: Version, each: Range) -> bool:
    try:
        after = each.introduced == "0" or version >= _version(each.introduced)
        if each.fixed:
            return after and version < _version(each.fixed)
        return after and (not each.last or version <= _version(each.last))
    except InvalidVersion:
        return True  # a range that nobody can read might reach it


@lru_cache(maxsize=8192)
def _version(text: str) -> Version:
    """The records of one package list the same ones again and again. Raises InvalidVersion."""
    return Version(text)


def _parsed(texts: Iterable[str]) -> Iterator[Version]:
    for text in texts:
        try:
            yield _version(text)
        except InvalidVersion:
            continue


def _by_vulnerability(found: Iterable[Advisory]) -> list[list[Advisory]]:
    """Records that share an id or an alias are about one thing."""
    groups: list[tuple[set[str], list[Advisory]]] = []
    for each in sorted(found, key=lambda advisory: advisory.id, reverse=True):
        names = {each.id, *each.aliases}
        same = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        merged = names.union(*(group[0] for group in same))
        groups.append((merged, [*(record for group in same for record in group[1]), each]))
    return [records for _, records in groups]


def _summary(record: Node) -> str:
    told = record.get("summary").lines or record.get("details").lines
    return " ".join(re.sub(r"[^\x20-\x7e]+", " ", told).split())[:400]


def _severity(record: Node, affected: Node) -> tuple[str, str]:
    """As the database words it, else as the worst of its vectors says; ("", "") where it does neither."""
    told = record.get("database_specific", "severity").text.lower()
    if told in _WORDS:
        return _WORDS[told], f"{told} in its own words"
    given = (*record.get("severity").items(), *affected.get("severity").items())
    scores = [score for each in given if (score := base_score(each.get("score").text)) is not None]
    return (str(severity_of(max(scores))), f"CVSS base score {max(scores):g}") if scores else ("", "")
