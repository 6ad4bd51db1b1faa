"""Which platform the code was written for: one whose file is there, or whose hostname the code asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pullet.analysis.detection.detectors.dependencies import requirements
from pullet.analysis.detection.names import DEMANDS_TLS
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors.reading import RELATIONSHIP, VENDORS_VARIABLE
from pullet.domain.app import Confidence, Decision, Evidence, Place
from pullet.domain.personality import HOSTNAMES, VARIABLES, Personality

SUBJECT = "app.personality"
NONE = "none"
_READ = "fact.vendor.read"
_NAMES = "|".join(sorted({name for names in VARIABLES.values() for name in names}, key=len, reverse=True))
_READS = re.compile(rf"""["']({_NAMES})["']""")
_LIBRARIES = {"platformshconfig": "Upsun"}


def detect(repository: Repository, there: Sequence[tuple[str, str]]) -> Iterator[Evidence]:
    """`there`: (vendor, path of its file)."""
    read = _read_names(repository)
    files = {vendor: path for vendor, path in reversed(there) if vendor in VARIABLES}
    wanted = {vendor: [name for name in VARIABLES[vendor] if name in read] for vendor in VARIABLES}
    for requirement in requirements(repository):
        if vendor := _LIBRARIES.get(requirement.name):
            wanted[vendor] = list(VARIABLES[vendor])
    for vendor, every in wanted.items():
        path = files.get(vendor)
        names = every if path else [name for name in every if HOSTNAMES.get(name) == vendor]
        if not names and not path:
            continue
        place = Place(path) if path else read[names[0]]
        because = f"{path} is there" if path else f"{place.path} reads ${names[0]}"
        # One that the code takes no notice of is only the second choice.
        confidence = Confidence.LIKELY if names and path else Confidence.POSSIBLE
        yield Evidence(SUBJECT, vendor, place, confidence, "personality", because)
        for name in names:
            place = read.get(name, Place(path or ""))
            yield Evidence(f"{_READ}.{vendor}.{name}", name, place, confidence, "personality", f"{place.path} reads it")


def _read_names(repository: Repository) -> dict[str, Place]:
    """Not of a module that demands TLS of its database: those on the box are reached over loopback, without."""
    found: dict[str, Place] = {}
    for path in repository.python_files:
        if DEMANDS_TLS.search(text := repository.text(path)):
            continue
        for match in _READS.finditer(text):
            if match[1] not in found:
                found[match[1]] = repository.place(path, text.count("\n", 0, match.start()) + 1)
    return found


def personality_of(decisions: Mapping[str, Decision], evidence: Iterable[Evidence]) -> Personality | None:
    """The chosen one with what the app wants to know of it; None where nothing is to be set."""
    chosen = decisions[SUBJECT].value if SUBJECT in decisions else NONE
    by_lower = {vendor.lower(): vendor for vendor in VARIABLES}
    vendor = by_lower.get(chosen.lower(), "")
    found = list(evidence)
    prefix = f"{_READ}.{vendor}."
    variables = {each.value: each.value for each in found if vendor and each.subject.startswith(prefix)}
    own = f"{VENDORS_VARIABLE}."
    variables |= {
        each.subject.removeprefix(own): each.value
        for each in found
        if vendor and each.detector == vendor and each.subject.startswith(own)
    }
    relationships = {
        each.subject.removeprefix(f"{RELATIONSHIP}."): each.value
        for each in found
        if each.detector == vendor and each.subject.startswith(f"{RELATIONSHIP}.")
    }
    return Personality(vendor, tuple(variables.items()), tuple(relationships.items())) if variables else None
