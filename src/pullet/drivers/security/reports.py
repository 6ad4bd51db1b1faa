"""Engine `imports`: what other tools have written to `.pullet/reports/`: SARIF, ZAP's and Dependency-Check's JSON."""

from __future__ import annotations

from pullet.domain.codec import from_json
from pullet.domain.errors import AssessmentFailed, MalformedData
from pullet.domain.security import Coverage, EngineReport, Finding
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_FOLDER = ".pullet/reports/"
_MODULE = "pullet.drivers.security.asked.reports"
_MISSED_SHOWN = 100


class ReportsEngine:
    part = "imports"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if _paths(subject) else f"there is no report in {_FOLDER}"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """A report that cannot be read is missed, never empty. Raises AssessmentFailed."""
        paths = _paths(subject)
        answer = await self._workbench.ask(subject, _MODULE, {"tree": str(subject.tree), "paths": paths})
        try:
            told = [(str(why), str(tool), [from_json(Finding, each) for each in found]) for why, tool, found in answer]
        except (MalformedData, TypeError, ValueError) as err:
            raise AssessmentFailed("The imported reports cannot be read", context=str(err)) from err
        missed = tuple((path, why) for path, (why, _, _) in zip(paths, told, strict=True) if why)
        return EngineReport(
            self.part,
            tuple(finding for _, _, found in told for finding in found),
            (Coverage("reports", len(paths) - len(missed), len(paths), missed[:_MISSED_SHOWN]),),
            tool=", ".join(dict.fromkeys(tool for _, tool, _ in told if tool)),
        )


def _paths(subject: Subject) -> list[str]:
    return [path for path in subject.files if path.startswith(_FOLDER) and path.endswith((".json", ".sarif"))]
