"""Published vulnerabilities of Python packages (OSV's schema, as in PyPA's advisory database), and which version has
them. Versions are compared as PEP 440 says, never as text: 3.2.0 is 3.2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pullet.analysis.detection.vendors.documents import Node, read_json, read_yaml
from pullet.domain.security import Basis, Finding, Severity, Spot

CWES = (1395,)
_ECOSYSTEM = "pypi"
_VERSIONS = 5000  # of one record
_EXPLOITED = "What the advisory tells how to do: its text and often a working example are public."


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
    references: tuple[str, ...] = ()


def parse_advisory(name: str, text: str) -> tuple[Advisory, ...]:
    """Of each package of PyPI that the record is about; none where it was withdrawn.

    Raises ValueError for text that is no record.
    """
    record = read_json(text) if name.endswith(".json") else read_yaml(text)
    if not record.get("id").text:
        raise ValueError(f"{name} is no advisory")
    if record.get("withdrawn").text:
        return ()
    return tuple(_advisories(record))


def matches(advisory: Advisory, version: str) -> bool:
    """Whether the version has the defect. A version that is none by PEP 440 is compared as text with those listed."""
    try:
        parsed = Version(version)
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
    fix = fixed_in(group, version)
    names = sorted({name for each in group for name in (each.id, *each.aliases)})
    given = next((each.severity for each in group if each.severity), "")
    return Finding(
        rule=f"advisory/{first.id}",
        cwe=1395,
        severity=Severity(given) if given else Severity.HIGH,
        basis=Basis.ADVISORY,
        title=f"{package} {version} has a known vulnerability ({', '.join(names[:3])})",
        spot=spot,
        reason="As the advisory rates it." if given else "The advisory gives no severity: high until somebody looked.",
        exploit=first.summary or _EXPLOITED,
        fix=f"Take {package} {fix} or newer, and commit the lock." if fix else "There is no version without it yet.",
        code=f"{package}=={version}",
        sink=package,
        identity=",".join(names),
        fixed_in=fix,
        imported=imported,
        references=(f"https://osv.dev/vulnerability/{first.id}", *first.references)[:6],
    )


def _advisories(record: Node) -> Iterator[Advisory]:
    for affected in record.get("affected").items():
        if affected.get("package", "ecosystem").text.lower() != _ECOSYSTEM:
            continue
        yield Advisory(
            id=record.get("id").text,
            package=canonicalize_name(affected.get("package", "name").text),
            ranges=tuple(_ranges(affected)),
            versions=tuple(
                each.text for each, _ in zip(affected.get("versions").items(), range(_VERSIONS), strict=False)
            ),
            aliases=tuple(each.text for each in record.get("aliases").items())[:20],
            summary=_summary(record),
            severity=_severity(record),
            references=tuple(each.get("url").text for each in record.get("references").items())[:4],
        )


def _ranges(affected: Node) -> Iterator[Range]:
    for each in affected.get("ranges").items():
        if each.get("type").text.upper() not in ("ECOSYSTEM", "SEMVER"):
            continue
        begun = ""
        for event in each.get("events").items():
            if introduced := event.get("introduced").text:
                if begun:
                    yield Range(begun)
                begun = introduced
            elif begun and (fixed := event.get("fixed").text):
                yield Range(begun, fixed=fixed)
                begun = ""
            elif begun and (last := event.get("last_affected").text):
                yield Range(begun, last=last)
                begun = ""
        if begun:
            yield Range(begun)


def _within(version: Version, each: Range) -> bool:
    try:
        after = each.introduced == "0" or version >= Version(each.introduced)
        if each.fixed:
            return after and version < Version(each.fixed)
        return after and (not each.last or version <= Version(each.last))
    except InvalidVersion:
        return True  # a range that nobody can read might reach it


def _parsed(texts: Iterable[str]) -> Iterator[Version]:
    for text in texts:
        try:
            yield Version(text)
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


def _severity(record: Node) -> str:
    """As the database words it; a CVSS vector alone is no word."""
    told = record.get("database_specific", "severity").text.lower()
    named = {"moderate": "medium", **{str(each): str(each) for each in Severity}}
    return named.get(told, "")
