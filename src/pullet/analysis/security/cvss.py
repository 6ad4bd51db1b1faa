"""The severity that a CVSS vector stands for, as FIRST's specification of version 3.1 computes its base score.

A vector of version 4 is rated by the same formula: its metrics have counterparts in version 3, and the table of the
new scores moves few of them into another class.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from pullet.domain.security import Severity

_VECTOR = re.compile(r"CVSS:(?P<version>3\.[01]|4\.0)/(?P<metrics>[A-Z]{1,3}:[A-Za-z]+(?:/[A-Z]{1,3}:[A-Za-z]+){4,60})")
_ATTACK = {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2}
_COMPLEXITY = {"L": 0.77, "H": 0.44}
_PRIVILEGES = {"N": 0.85, "L": 0.62, "H": 0.27}
_PRIVILEGES_CHANGED = {"N": 0.85, "L": 0.68, "H": 0.5}
_INTERACTION = {"N": 0.85, "R": 0.62}
_IMPACT = {"H": 0.56, "L": 0.22, "N": 0.0}
_CLASSES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def base_score(vector: str) -> float | None:
    """From 0 to 10; None for what is no vector of version 3 or 4."""
    found = _VECTOR.fullmatch(vector.strip())
    if found is None:
        return None
    metrics = dict(each.split(":", 1) for each in found["metrics"].split("/"))
    try:
        return _score(_as_version_3(metrics) if found["version"] == "4.0" else metrics)
    except KeyError:
        return None


def severity_of(score: float) -> Severity:
    """In the specification's classes."""
    return next((severity for least, severity in _CLASSES if score >= least), Severity.NOTE)


def _as_version_3(metrics: Mapping[str, str]) -> dict[str, str]:
    """What a vulnerable system does to others counts as a change of scope."""
    beyond = any(metrics.get(name, "N") != "N" for name in ("SC", "SI", "SA"))
    worst = {name: min(metrics[f"V{name}"], metrics.get(f"S{name}", "N"), key=_severest) for name in ("C", "I", "A")}
    return {
        "AV": metrics["AV"],
        "AC": "H" if metrics["AC"] == "H" or metrics.get("AT") == "P" else "L",
        "PR": metrics["PR"],
        "UI": "N" if metrics["UI"] == "N" else "R",
        "S": "C" if beyond else "U",
        **worst,
    }


def _severest(level: str) -> int:
    return "SHLN".index(level) if level in "SHLN" else 0


def _score(metrics: Mapping[str, str]) -> float:
    """Raises KeyError where a metric is missing or unknown."""
    changed = {"C": True, "U": False}[metrics["S"]]
    kept = math.prod(1 - _IMPACT[metrics[name]] for name in ("C", "I", "A"))
    base = 1 - kept
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if changed else 6.42 * base
    ease = (
        8.22
        * _ATTACK[metrics["AV"]]
        * _COMPLEXITY[metrics["AC"]]
        * (_PRIVILEGES_CHANGED if changed else _PRIVILEGES)[metrics["PR"]]
        * _INTERACTION[metrics["UI"]]
    )
    if impact <= 0:
        return 0.0
    return _up(min((1.08 if changed else 1.0) * (impact + ease), 10.0))


def _up(score: float) -> float:
    """To the next tenth, without what floating point adds."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
