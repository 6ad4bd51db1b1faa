"""The requirements of OWASP ASVS 5.0 by number, and how many of them somebody has looked at: a machine, or people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pullet.analysis.security.weaknesses import weakness
from pullet.domain.security import Assessment

_SECTIONS: Mapping[int, tuple[int, ...]] = {
    1: (2, 10, 12, 3, 3),
    2: (3, 3, 5, 2),
    3: (1, 3, 5, 8, 8, 1, 5),
    4: (5, 5, 2, 4),
    5: (1, 6, 3, 3),
    6: (3, 12, 8, 6, 8, 4, 2, 4),
    7: (3, 4, 2, 5, 3, 2),
    8: (4, 4, 3, 2),
    9: (3, 4),
    10: (2, 3, 5, 16, 5, 2, 3),
    11: (4, 5, 5, 4, 2, 2, 2),
    12: (5, 2, 5),
    13: (4, 6, 4, 7),
    14: (2, 8, 3),
    15: (5, 5, 7, 4),
    16: (1, 5, 4, 3, 4),
    17: (2, 8, 2),
}
"""Chapter -> how many requirements each of its sections has."""
REQUIREMENTS = frozenset(
    f"{chapter}.{section}.{number}"
    for chapter, sizes in _SECTIONS.items()
    for section, size in enumerate(sizes, 1)
    for number in range(1, size + 1)
)
_PREFIX = "v5.0.0-"


@dataclass(frozen=True)
class Standing:
    """How many requirements of ASVS 5.0 were looked at by whom. Each is counted once; people come first."""

    by_hand: int
    """Ticked, and the tick still holds."""
    by_machine: int
    """An engine that ran to its end looks for a weakness that the requirement is about. That is less than its proof."""
    neither: int


def standing(assessment: Assessment) -> Standing:
    ticked = {tick.requirement for tick in assessment.reviewed} & REQUIREMENTS
    checked = {cwe for part in assessment.parts if part.report.assessed for cwe in part.report.checked}
    touched = {name.removeprefix(_PREFIX) for cwe in checked for name in weakness(cwe).asvs} & REQUIREMENTS
    machine = len(touched - ticked)
    return Standing(len(ticked), machine, len(REQUIREMENTS) - len(ticked) - machine)
