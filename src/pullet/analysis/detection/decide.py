"""From evidence to decisions: one pure rule for every setting.

Evidence that says the same thing counts once, at its best. The more confident wins; of equals the earlier, and the
order of the detectors is the order of precedence. A setting that allows no such tie-break says so with `rank`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from pullet.domain.app import Confidence, Decision, Evidence

Rank: TypeAlias = Callable[[Evidence], tuple[int, ...]]

_ORDER = {Confidence.CERTAIN: 0, Confidence.LIKELY: 1, Confidence.POSSIBLE: 2}


class Tie(Exception):
    """Several different values are equally good."""

    def __init__(self, tied: Sequence[Evidence]) -> None:
        super().__init__(", ".join(evidence.value for evidence in tied))
        self.tied = tuple(tied)


def decide(subject: str, evidence: Iterable[Evidence], rank: Rank | None = None) -> Decision | None:
    """Choose the value of one setting; None without evidence for it.

    `rank` (smaller is better) orders evidence of equal confidence; with it, equal ranks raise Tie.
    """
    candidates = [found for found in evidence if found.subject == subject]
    if not candidates:
        return None
    ordered = sorted(candidates, key=lambda found: _key(found, rank))
    value = ordered[0].value
    supporting = tuple(found for found in ordered if found.value == value)
    losing = _best_of_each_value(found for found in ordered if found.value != value)
    if rank and losing and _key(losing[0], rank) == _key(ordered[0], rank):
        raise Tie([ordered[0], *(found for found in losing if _key(found, rank) == _key(ordered[0], rank))])
    return Decision(subject, value, supporting, losing)


def decide_all(evidence: Sequence[Evidence]) -> dict[str, Decision]:
    """Decisions by subject, in the order in which subjects first appear."""
    by_subject: dict[str, list[Evidence]] = {}
    for found in evidence:
        by_subject.setdefault(found.subject, []).append(found)
    return {
        subject: decision for subject, found in by_subject.items() if (decision := decide(subject, found)) is not None
    }


def _key(evidence: Evidence, rank: Rank | None) -> tuple[int, ...]:
    return (_ORDER[evidence.confidence], *(rank(evidence) if rank else ()))


def _best_of_each_value(ordered: Iterable[Evidence]) -> tuple[Evidence, ...]:
    best: dict[str, Evidence] = {}
    for found in ordered:
        best.setdefault(found.value, found)
    return tuple(best.values())
