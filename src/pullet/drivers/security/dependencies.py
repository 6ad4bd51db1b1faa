"""Engine `dependencies`: what is installed, or locked where nothing is, against the advisory database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pullet.analysis.security.advisories import CWES, findings
from pullet.analysis.security.listed import Kind
from pullet.domain.security import Coverage, EngineReport, Finding, Spot
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.advisory_index import Known
from pullet.drivers.security.inventory import (
    Contents,
    Imports,
    Listing,
    contents,
    imports,
    listed_in,
    listing,
    lists_any,
    unresolved,
)
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_SHOWN = 100


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    spot: Spot
    modules: tuple[str, ...] = ()
    """Names under which code imports it, where they are known."""
    imported: bool | None = None


class DependenciesEngine:
    part = "dependencies"

    def __init__(self, workbench: Workbench, advisories: Advisories) -> None:
        self._workbench = workbench
        self._advisories = advisories

    def left_out(self, subject: Subject) -> str:
        return "" if subject.python is not None or lists_any(subject) else "no dependencies are listed"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed, also where the advisories are too old to say anything."""
        await self._advisories.ensure()
        data = await asyncio.to_thread(self._advisories.told)
        listed = await listing(self._workbench, subject)
        there = await contents(self._workbench, subject)
        if there.installed or there.missed:
            packages, missed = _installed(there, listed, listed_in(subject)), there.missed
        else:
            packages, missed = _locked(listed), unresolved(listed)
        known = await asyncio.to_thread(self._advisories.look_up, {package.name for package in packages})
        found = await asyncio.to_thread(_matched, packages, known)
        if found:  # only then it matters whether the code uses the package, and all of it is read for that
            used = await imports(self._workbench, subject)
            found = await asyncio.to_thread(_matched, [_with_use(each, used) for each in packages], known)
        state = await asyncio.to_thread(self._advisories.state)
        excused = tuple((path, "lies among the tests") for path in listed.among_tests)
        return EngineReport(
            self.part,
            found,
            (
                Coverage("dependencies", len(packages), len(packages) + len(missed), missed[:_SHOWN], excused[:_SHOWN]),
                _read(state.records, known),
            ),
            tool="Pullet",
            data=data,
            checked=CWES,
        )


def _read(records: int, known: Known) -> Coverage:
    """Only records that might be about one of the packages: what else nobody could read changes nothing here."""
    return Coverage("advisories", records, records + len(known.unread), tuple(known.unread[:_SHOWN]))


def _with_use(package: _Package, used: Imports) -> _Package:
    return replace(package, imported=used.uses(package.name, package.modules))


def _matched(packages: Sequence[_Package], known: Known) -> tuple[Finding, ...]:
    return tuple(
        finding
        for each in packages
        for finding in findings(each.name, each.version, each.spot, known.advisories.get(each.name, ()), each.imported)
    )


def _installed(there: Contents, listed: Listing, fallback: str) -> list[_Package]:
    places = _places(listed)
    return [
        _Package(each.name, each.version, places.get(each.name, Spot(fallback)), modules=each.modules)
        for each in there.installed
    ]


def _locked(listed: Listing) -> list[_Package]:
    """Each version once, however many files name it."""
    packages: dict[tuple[str, str], _Package] = {}
    for each in listed.lines:
        if each.name and each.version and each.kind in (Kind.PINNED, Kind.FETCHED):
            package = _Package(each.name, each.version, Spot(each.path, each.line))
            packages.setdefault((each.name, each.version), package)
    return list(packages.values())


def _places(listed: Listing) -> dict[str, Spot]:
    """Where each is named first."""
    places: dict[str, Spot] = {}
    for each in listed.lines:
        if each.name:
            places.setdefault(each.name, Spot(each.path, each.line))
    return places
