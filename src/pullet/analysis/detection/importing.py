"""What of other platforms' files is carried over: kept, changed, or lost, each with its file and line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pullet.analysis.detection.explain import shown
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors import VENDORS, readings
from pullet.analysis.detection.vendors.reading import ADDRESS, CHANGED, LOST, MOUNT, WISH
from pullet.domain.app import AppSpec, Decision, Evidence

_NAMES = frozenset(vendor.name for vendor in VENDORS)


@dataclass(frozen=True)
class Item:
    what: str
    where: str
    """`render.yaml:12`."""
    why: str


@dataclass(frozen=True)
class Import:
    files: tuple[str, ...]
    kept: tuple[Item, ...]
    changed: tuple[Item, ...]
    lost: tuple[Item, ...]


def is_vendors(decision: Decision) -> bool:
    """Whether another platform's file has a say in it."""
    return decision.subject == "app.personality" or any(found.detector in _NAMES for found in decision.evidence)


def read_import(paths: Collection[str], files: Mapping[str, bytes], spec: AppSpec) -> Import:
    """`files`: as for `understand`, which said that the app is `spec`."""
    found = list(readings(Repository(paths, files, spec.root)))
    evidence = [each for _, _, several in found for each in several]
    settled = {(each.subject, each.value) for each in spec.decisions}
    given = {service.type.value for service in spec.services}
    kept: list[Item] = []
    changed: list[Item] = []
    lost: list[Item] = []
    for each in evidence:
        if each.subject == LOST:
            lost.append(Item(each.value, str(each.place), each.because))
        elif each.subject == CHANGED:
            changed.append(Item(each.value, str(each.place), each.because))
        elif each.subject.startswith("fact."):
            (kept if _is_given(each, given) else lost).append(_fact(each, given))
        elif (each.subject, each.value) in settled:
            kept.append(Item(f"{each.subject} = {shown(each.subject, each.value)}", str(each.place), each.because))
        else:
            what = f"{each.subject} = {shown(each.subject, each.value)}"
            changed.append(Item(what, str(each.place), _lost_to(each, spec)))
    unique = (tuple(dict.fromkeys(items)) for items in (kept, changed, lost))
    return Import(tuple(path for _, path, _ in found), *unique)


def _is_given(fact: Evidence, given: Collection[str]) -> bool:
    if fact.subject.startswith((f"{WISH}.", f"{ADDRESS}.")):
        return fact.value in given
    return fact.subject != MOUNT or "volume" in given


def _fact(fact: Evidence, given: Collection[str]) -> Item:
    if _is_given(fact, given):
        return Item(_named(fact), str(fact.place), fact.because)
    why = "is given where a driver for it is among the dependencies"
    return Item(fact.value, str(fact.place), why if fact.subject != MOUNT else "is kept by another service, or is none")


def _named(fact: Evidence) -> str:
    if fact.subject.startswith(f"{WISH}."):
        return f"a service: {fact.value}"
    if fact.subject.startswith(f"{ADDRESS}."):
        return f"${fact.subject.removeprefix(f'{ADDRESS}.')}: the address of {fact.value}"
    return f"a folder: {fact.value}" if fact.subject == MOUNT else f"{fact.subject.rpartition('.')[2]}: {fact.value}"


def _lost_to(evidence: Evidence, spec: AppSpec) -> str:
    winner: Iterator[Decision] = (each for each in spec.decisions if each.subject == evidence.subject)
    decision = next(winner, None)
    if decision is None:
        return "is not used"
    return f"is {shown(decision.subject, decision.value)} as of {decision.evidence[0].place}"
