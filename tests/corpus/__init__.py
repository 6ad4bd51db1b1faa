"""Small repositories of our own, one a trap: what real ones do, as plain data.

tests/unit/test_corpus.py reads each of them as detection does; tests/e2e/test_corpus.py deploys each.
"""

from __future__ import annotations

from tests.corpus import drift, entry_points, liars, packages, places, ports, tables, variables, vendors
from tests.corpus.trap import Trap

THEMES: dict[str, tuple[Trap, ...]] = {
    "Entry points": entry_points.TRAPS,
    "Places and names": places.TRAPS,
    "Dependencies": packages.TRAPS,
    "Ports and answers": ports.TRAPS,
    "Variables, services and files": variables.TRAPS,
    "Tables and static files": tables.TRAPS,
    "Drift and healing": drift.TRAPS,
    "Other platforms": vendors.TRAPS,
    "Liars": liars.TRAPS,
}
TRAPS = tuple(trap for traps in THEMES.values() for trap in traps)
