"""All engines on one subject, side by side; what goes wrong in one is a gap in its part and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from pullet.analysis.security.redacting import without_secrets
from pullet.domain.errors import PulletError
from pullet.domain.security import Basis, Coverage, EngineReport, Finding
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.remembering import Memory, PerFile, Remembered
from pullet.drivers.security.subjects import every_file, frameworks, sort_out
from pullet.ports.assessing import Engine, Examined, Subject
from pullet.ports.common import LogSink

_AT_A_TIME = 2
_PLACED = frozenset({Basis.TRACE, Basis.CONFIGURATION, Basis.PATTERN})

Refinement = Callable[[Subject, Sequence[Finding]], Awaitable[Sequence[Finding]]]
"""Completes findings with what their place in the code tells: the function around it, the commit that brought it."""


class EngineAssessor:
    """`pullet.ports.Assessor`."""

    def __init__(
        self,
        engines: Sequence[Engine],
        refinements: Sequence[Refinement] = (),
        advisories: Advisories | None = None,
        memory: Memory | None = None,
    ) -> None:
        """`memory` None: nothing is known of former assessments."""
        self._memory = memory
        self._advisories = advisories
        self._engines = tuple(engines)
        self._refinements = tuple(refinements)

    async def examine(self, subject: Subject, log: LogSink) -> Examined:
        subject = await asyncio.to_thread(_surveyed, subject)
        turns = asyncio.Semaphore(_AT_A_TIME)
        remembered = self._memory.of(subject) if self._memory is not None else None
        reasons = {engine.part: engine.left_out(subject) for engine in self._engines}
        async with asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(
                    self._report(engine, subject, remembered, log, turns), name=f"assess:{subject.app}:{engine.part}"
                )
                for engine in self._engines
                if not reasons[engine.part]
            ]
        left_out = tuple((part, reason) for part, reason in reasons.items() if reason)
        return Examined((_files(subject), *(task.result() for task in work)), left_out, subject.frameworks)

    async def refresh(self) -> None:
        if self._advisories is not None:
            await self._advisories.refresh()

    async def _report(
        self, engine: Engine, subject: Subject, remembered: Remembered | None, log: LogSink, turns: asyncio.Semaphore
    ) -> EngineReport:
        async with turns:
            started = time.monotonic()
            try:
                report = await self._asked(engine, subject, remembered, log)
            except PulletError as err:
                report = EngineReport(engine.part, gap=_why(err))
            except Exception as err:
                report = EngineReport(engine.part, gap=f"The engine failed: {type(err).__name__}: {err}")
        report = replace(report, seconds=round(time.monotonic() - started, 3))
        log(_told(report))
        return report

    async def _asked(
        self, engine: Engine, subject: Subject, remembered: Remembered | None, log: LogSink
    ) -> EngineReport:
        async def ask(narrowed: Subject) -> EngineReport:
            return await self._refined(await engine.assess(narrowed, log), narrowed)

        if remembered is not None and isinstance(engine, PerFile):
            return await remembered.assess(engine, ask)
        return await ask(subject)

    async def _refined(self, report: EngineReport, subject: Subject) -> EngineReport:
        """Only what lies in the code has a place there."""
        placed = [each for each in report.findings if _has_place(each)]
        rest = [each for each in report.findings if not _has_place(each)]
        found: Sequence[Finding] = placed
        for refine in self._refinements if placed else ():
            found = await refine(subject, found)
        return replace(report, findings=tuple(without_secrets(each) for each in (*found, *rest)))


def _has_place(finding: Finding) -> bool:
    return finding.basis in _PLACED and bool(finding.spot.path)


def _why(err: PulletError) -> str:
    """On one line."""
    told = [part.strip().rstrip(".") for part in (err.message, err.context, err.hint)]
    return " ".join(". ".join(part for part in told if part).split()) + "."


def _surveyed(subject: Subject) -> Subject:
    """With its files and frameworks, where nobody has told them."""
    if not subject.files:
        files, missed = sort_out(subject.tree, every_file(subject.tree))
        subject = replace(subject, files=files, missed=missed)
    return replace(subject, frameworks=subject.frameworks or frameworks(subject.tree, subject.files))


def _files(subject: Subject) -> EngineReport:
    """What no engine is shown is not assessed, whatever the engines say of the rest."""
    read, there = len(subject.files), len(subject.files) + len(subject.missed)
    return EngineReport("files", coverage=(Coverage("files", read, there, subject.missed),))


def _told(report: EngineReport) -> str:
    state = "looked at" if report.assessed else f"NOT ASSESSED: {report.gap or 'incomplete'}"
    return f"{report.part}: {len(report.findings)} findings in {report.seconds:g} s, {state}"
