"""Which findings are the same: across engines in one revision, and across revisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pullet.analysis.security.leaks import HISTORY
from pullet.domain.security import Basis, Finding

_SUREST = {basis: rank for rank, basis in enumerate(Basis)}


def fingerprint(finding: Finding) -> str:
    """Without file and line, so that it outlives a move; what is the same twice is counted by who compares.

    The CWE is the class of the rule: two engines that see the same defect call it by names of their own.
    """
    what = [finding.identity] if finding.identity else [" ".join(finding.code.split()), finding.function]
    told = json.dumps([finding.cwe, finding.sink, *what])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each defect once, with its fingerprint: as the surest engine tells it, completed by what the others know."""
    groups: list[list[Finding]] = []
    by_key: dict[object, list[list[Finding]]] = {}
    for finding in sorted(findings, key=_order):
        keys = _keys(finding)
        group = next((group for key in keys for group in by_key.get(key, ()) if _same(group[0], finding)), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(finding)
        for key in keys:
            known = by_key.setdefault(key, [])
            if not any(each is group for each in known):
                known.append(group)
    return tuple(_one(group) for group in groups)


def _order(finding: Finding) -> tuple[int, bool, str, int, str]:
    """The surest first; of equal ones those that speak of the present, and say where."""
    past = finding.rule.startswith(f"{HISTORY}/")
    return (_SUREST[finding.basis], past, finding.spot.path or "\uffff", finding.spot.line, finding.rule)


def _keys(finding: Finding) -> Sequence[object]:
    """Two that are the same share one of these, so that not all are compared with all."""
    place = (finding.cwe, finding.spot.path, finding.spot.url)
    named = (finding.cwe, finding.identity or finding.sink)
    return (place, named) if named[1] else (place,)


def _same(one: Finding, other: Finding) -> bool:
    if one.cwe != other.cwe:
        return False
    if one.identity or other.identity:
        return (one.identity, one.spot.path, one.spot.url) == (other.identity, other.spot.path, other.spot.url)
    if one.sink and one.sink == other.sink and not (_placed(one) and _placed(other)):
        return True  # a framework's own check names the setting, and no file
    return one.spot.url == other.spot.url and one.spot.path == other.spot.path and _overlap(one, other)


def _placed(finding: Finding) -> bool:
    return bool(finding.spot.path or finding.spot.url)


def _overlap(one: Finding, other: Finding) -> bool:
    """Of one engine two findings in a line are two; of two engines they are one."""
    if set(one.engines) & set(other.engines):
        return (one.rule, one.spot, one.sink) == (other.rule, other.spot, other.sink)
    first, second = one.spot, other.spot
    return first.line <= max(second.line, second.end_line) and second.line <= max(first.line, first.end_line)


def _one(group: Sequence[Finding]) -> Finding:
    def known(name: str) -> str:
        return next((text for each in group if (text := str(getattr(each, name)))), "")

    spot = group[0].spot
    brought = next((each.spot for each in group if each.spot.commit and each.spot.path == spot.path), spot)
    filled = replace(
        group[0],
        spot=replace(spot, commit=brought.commit, author=brought.author),
        reason=known("reason"),
        exploit=known("exploit"),
        fix=known("fix"),
        code=known("code"),
        function=known("function"),
        fixed_in=known("fixed_in"),
        engines=tuple(dict.fromkeys(engine for finding in group for engine in finding.engines)),
        references=tuple(dict.fromkeys(url for finding in group for url in finding.references))[:6],
        trace=next((finding.trace for finding in group if finding.trace), ()),
    )
    return replace(filled, fingerprint=fingerprint(filled))
