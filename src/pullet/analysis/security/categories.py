"""An assessment by the categories of the OWASP Top Ten 2025: what was looked for at all, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pullet.analysis.security.top_ten import NAMES_2025, TOP_TEN_2025
from pullet.domain.security import Assessment

_BY_HAND: Mapping[str, str] = {
    "A01": "who may do what to which object (ASVS 8.2.1, 8.2.2, 8.4.1)",
    "A02": "what the rest of the box and of the network exposes (ASVS 13.2.1, 13.4.5)",
    "A03": "who may publish and merge, and whom you trust (ASVS 15.1.2, 15.2.4)",
    "A04": "which data need encryption, and who holds the keys (ASVS 11.1.1, 14.1.1)",
    "A05": "queries and commands that are put together in several steps (ASVS 1.2.4, 1.2.5)",
    "A06": "limits of the business and ways around its steps (ASVS 2.3.1, 2.3.2)",
    "A07": "how accounts are recovered, sessions ended, second factors asked for (ASVS 6.4.3, 7.4.1)",
    "A08": "what is trusted because of where it comes from (ASVS 15.2.4)",
    "A09": "whether an attack would be seen, and by whom (ASVS 16.3.1, 16.3.3)",
    "A10": "what happens when a neighbour fails or is slow (ASVS 16.5.2, 16.5.3)",
}


@dataclass(frozen=True)
class Category:
    """One row of the report."""

    id: str
    name: str
    looked_for: int
    """CWEs of the category that an engine knows which ran to its end."""
    there: int
    """CWEs that the category has."""
    found: int
    by_hand: str
    """What no machine can judge, with requirements of ASVS 5.0."""


def categories(assessment: Assessment) -> Sequence[Category]:
    """Waived findings do not count as found."""
    checked = {cwe for part in assessment.parts if part.report.assessed for cwe in part.report.checked}
    return [
        Category(
            category,
            name,
            sum(1 for cwe in checked if TOP_TEN_2025.get(cwe) == category),
            sum(1 for each in TOP_TEN_2025.values() if each == category),
            sum(1 for finding in assessment.findings if TOP_TEN_2025.get(finding.cwe) == category),
            _BY_HAND[category],
        )
        for category, name in NAMES_2025.items()
    ]
