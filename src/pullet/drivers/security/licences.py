"""Engine `licences`: under which licence each installed package may be used. Never holds anything back."""

from __future__ import annotations

from pullet.analysis.security.licences import CWES, licence, licence_findings
from pullet.domain.security import Coverage, EngineReport, Spot
from pullet.drivers.security.inventory import contents, listed_in
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_SHOWN = 100


class LicencesEngine:
    part = "licences"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if subject.python is not None else "nothing is installed, and lock files tell no licence"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed."""
        there = await contents(self._workbench, subject)
        found = [licence(package) for package in there.installed]
        coverage = Coverage("packages", len(found), len(found) + len(there.missed), there.missed[:_SHOWN])
        findings = licence_findings(found, Spot(listed_in(subject)))
        return EngineReport(self.part, findings, (coverage,), tool="Pullet", checked=CWES)
