"""What the live checks look for: one line of knowledge a rule, and how hits become findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pullet.analysis.security.live.advice import TABLE
from pullet.analysis.security.live.exchanges import Exchange
from pullet.domain.security import Basis, Finding, Severity, Spot

_CODE = 300  # characters of an answer that a finding repeats


@dataclass(frozen=True)
class Rule:
    cwe: int
    severity: Severity
    title: str
    reason: str
    exploit: str
    fixes: Mapping[str, str]
    """Framework -> what to write there; under the empty name what helps in any."""
    basis: Basis = Basis.RESPONSE


@dataclass(frozen=True)
class Hit:
    """A check's word that an answer breaks a rule."""

    rule: str
    exchange: Exchange
    detail: str = ""
    """What was seen, in a few words."""
    identity: str = ""
    """What tells this defect from others of the rule: a cookie's name, a path. Pages that share it are one finding."""


def _rule(row: tuple[object, ...]) -> Rule:
    cwe, severity, title, reason, exploit, fixes, *basis = row
    assert isinstance(cwe, int)
    assert isinstance(fixes, dict)
    return Rule(
        cwe, Severity(str(severity)), str(title), str(reason), str(exploit), fixes, *map(Basis, map(str, basis))
    )


RULES: Mapping[str, Rule] = {name: _rule(row) for name, row in TABLE.items()}
CWES = tuple(sorted({rule.cwe for rule in RULES.values()}))


def findings(hits: Iterable[Hit], frameworks: Iterable[str]) -> tuple[Finding, ...]:
    """One a rule and identity; it is at the first page that showed it."""
    known = frozenset("fastapi" if each == "starlette" else each for each in frameworks)
    found: dict[tuple[str, str], Finding] = {}
    pages: dict[tuple[str, str], set[str]] = {}
    for hit in hits:
        key = (hit.rule, hit.identity)
        pages.setdefault(key, set()).add(str(hit.exchange.request))
        found.setdefault(key, _finding(hit, known))
    return tuple(_counted(finding, len(pages[key])) for key, finding in found.items())


def _finding(hit: Hit, frameworks: frozenset[str]) -> Finding:
    rule = RULES[hit.rule]
    return Finding(
        rule=f"live/{hit.rule}",
        cwe=rule.cwe,
        severity=rule.severity,
        basis=rule.basis,
        title=rule.title,
        spot=Spot(url=str(hit.exchange.request)),
        reason=rule.reason,
        exploit=rule.exploit,
        fix=_fix(rule, frameworks),
        code=_printable(hit.detail)[:_CODE],
        sink=hit.rule,
        identity=_printable(hit.identity)[:_CODE] or hit.rule,
    )


def _fix(rule: Rule, frameworks: frozenset[str]) -> str:
    own = [text for name, text in rule.fixes.items() if name in frameworks]
    return " ".join(own) or rule.fixes[""]


def _counted(finding: Finding, pages: int) -> Finding:
    return finding if pages == 1 else replace(finding, reason=f"{finding.reason} Seen on {pages} pages.")


def _printable(text: str) -> str:
    """Answers are hostile: what is repeated of them is one line without control characters."""
    return "".join(each if each.isprintable() else " " for each in text)
