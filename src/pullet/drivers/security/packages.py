"""Engine `packages`: from where, in which version and under which name packages come."""

from __future__ import annotations

from pullet.analysis.security.listed import Kind
from pullet.analysis.security.packages import CWES, package_findings
from pullet.domain.security import Coverage, EngineReport
from pullet.drivers.security.inventory import contents, listing, lists_any
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_SHOWN = 100
_YANKED = ("yanked releases", "only the index knows them, and it is not asked; advisories name the dangerous ones")


class PackagesEngine:
    part = "packages"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if subject.python is not None or lists_any(subject) else "no dependencies are listed"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed."""
        listed = await listing(self._workbench, subject)
        there = await contents(self._workbench, subject)
        unread = [(f"{each.path}:{each.line}", each.text) for each in listed.lines if each.kind is Kind.UNREAD]
        read = len(listed.lines) - len(unread) + len(there.installed)
        more = [(f"{listed.more} more lines", "there are too many")] if listed.more else []
        missed = (*more, *unread, *there.missed)
        excused = (_YANKED, *((path, "lies among the tests") for path in listed.among_tests))
        return EngineReport(
            self.part,
            package_findings(listed.lines, (each.name for each in there.installed)),
            (Coverage("packages", read, read + len(missed), missed[:_SHOWN], excused[:_SHOWN]),),
            tool="Pullet",
            checked=CWES,
        )
