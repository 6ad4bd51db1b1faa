"""Engine `flow`: data followed from requests to where it does harm. What it reports is proved, and may hold back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pullet.analysis.security.flow.kinds import CWES, KINDS
from pullet.analysis.security.served import NotServed
from pullet.domain.errors import AssessmentFailed, CommandFailed
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_MODULE = "pullet.drivers.security.asked.follow"
_MISSED_SHOWN = 100
_AT_A_TIME = 400  # files a process: the limits of time and memory are of one process
_Answer = tuple[str, list[Any]]


class FlowEngine:
    part = "flow"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if _paths(subject) else "there is no Python file"

    def files(self, subject: Subject) -> Sequence[str]:
        return [path for path in _paths(subject) if subject.only is None or path in subject.only]

    def program(self) -> None:
        """Pullet's own code."""

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed where following takes too long."""
        paths = self.files(subject)
        answers: dict[str, _Answer] = {}
        for first in range(0, len(paths), _AT_A_TIME):
            answers |= await self._ask(subject, paths[first : first + _AT_A_TIME])
        tests = NotServed(subject.files)
        missed = tuple((path, why) for path, (why, _) in answers.items() if why)
        return EngineReport(
            self.part,
            tuple(
                _finding(path, told, tests.has(path), subject)
                for path, (_, traces) in answers.items()
                for told in traces
            ),
            (Coverage("files", len(paths) - len(missed), len(paths), missed[:_MISSED_SHOWN]),),
            tool="Pullet",
            checked=CWES,
        )

    async def _ask(self, subject: Subject, paths: Sequence[str]) -> dict[str, _Answer]:
        """A file that ends the interpreter is given up alone."""
        try:
            answers = await self._workbench.ask(subject, _MODULE, {"tree": str(subject.tree), "paths": paths})
        except AssessmentFailed as err:
            if isinstance(err.__cause__, CommandFailed) and err.__cause__.timed_out:
                raise
            if len(paths) == 1:
                return {paths[0]: (f"it cannot be read: {err.message}", [])}
            halves = [await self._ask(subject, half) for half in (paths[::2], paths[1::2])]
            return {path: answer for half in halves for path, answer in half.items()}
        return dict(zip(paths, answers, strict=True))


def _paths(subject: Subject) -> list[str]:
    return [path for path in subject.files if path.endswith((".py", ".pyw"))]


def _finding(path: str, told: Sequence[Any], tested: bool, subject: Subject) -> Finding:
    name, origin, sink, function, lines, end_line = told
    kind = KINDS[name]
    return Finding(
        rule=f"flow/{name}",
        cwe=kind.cwe,
        severity=Severity.NOTE if tested else kind.severity,
        basis=Basis.TRACE,
        title=f"{kind.title}: {origin} reaches {sink}",
        spot=Spot(path, lines[-1], end_line),
        reason="Tests are not served." if tested else kind.reason,
        exploit=kind.exploit,
        fix=kind.fix_for(subject.frameworks),
        sink=sink,
        function=function,
        trace=tuple(Spot(path, line) for line in lines),
    )
