"""An assessment by the categories of the OWASP Top Ten: what was looked for at all, what was found, what people do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from pullet.analysis.security.review import BY_HAND
from pullet.analysis.security.review import PART as REVIEW
from pullet.analysis.security.top_ten import NAMES_2021, NAMES_2025, TOP_TEN_2021, TOP_TEN_2025, in_2021
from pullet.analysis.security.waivers import PART as WAIVERS
from pullet.domain.security import Assessment, Finding, Tick


@dataclass(frozen=True)
class ByHand:
    """A requirement of ASVS 5.0 that no machine can judge."""

    requirement: str
    about: str
    tick: Tick | None
    """None: nobody has looked, or too long ago."""


@dataclass(frozen=True)
class Category:
    """One row of the report."""

    id: str
    name: str
    looked_for: int
    """CWEs of the category that an engine knows which ran to its end."""
    there: int
    """CWEs that the category has."""
    by: tuple[str, ...]
    """The parts that looked for them."""
    found: int
    by_hand: tuple[ByHand, ...] = ()

    @property
    def ticked(self) -> int:
        return sum(each.tick is not None for each in self.by_hand)


def categories(assessment: Assessment) -> Sequence[Category]:
    """Of 2025. Waived findings do not count as found."""
    ticks = {tick.requirement: tick for tick in assessment.reviewed}
    rows = _rows(assessment, NAMES_2025, TOP_TEN_2025, lambda cwe: cwe)
    return [
        replace(row, by_hand=tuple(ByHand(number, about, ticks.get(number)) for number, about in BY_HAND[row.id]))
        for row in rows
    ]


def categories_2021(assessment: Assessment) -> Sequence[Category]:
    """For whoever still reports by the list before: what people look at is told by that of 2025."""
    return _rows(assessment, NAMES_2021, TOP_TEN_2021, in_2021)


def _rows(
    assessment: Assessment, names: Mapping[str, str], table: Mapping[int, str], as_listed: Callable[[int], int]
) -> Sequence[Category]:
    """`as_listed`: the number under which the table has a CWE."""
    reports = [part.report for part in assessment.parts if part.report.assessed]
    checked = {report.part: frozenset(map(as_listed, report.checked)) for report in reports}
    found = Counter(table.get(as_listed(finding.cwe)) for finding in assessment.findings if _is_defect(finding))
    return [
        _row(each, name, frozenset(cwe for cwe in table if table[cwe] == each), checked, found[each])
        for each, name in names.items()
    ]


def _row(category: str, name: str, there: Set[int], checked: Mapping[str, Set[int]], found: int) -> Category:
    looked_for = there & frozenset().union(*checked.values())
    by = tuple(part for part, cwes in checked.items() if cwes & there)
    return Category(category, name, len(looked_for), len(there), by, found)


def _is_defect(finding: Finding) -> bool:
    """An entry that has run out is a chore, and no weakness of the app."""
    return not set(finding.engines[:1]) & {REVIEW, WAIVERS}
