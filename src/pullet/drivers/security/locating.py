"""Completes findings with the function and statement around them, and with the commit that brought the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Finding, Spot
from pullet.drivers.security.git import SAFE, git
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject

_BLAMED = 100  # findings
_MODULE = "pullet.drivers.security.asked.locate"


class Locating:
    """A refinement: see `drivers.security.assessor`."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    async def __call__(self, subject: Subject, findings: Sequence[Finding]) -> Sequence[Finding]:
        """A file whose syntax tree ends the interpreter costs the places of its own findings, and no finding."""
        by_path: dict[str, list[int]] = {}
        for number, finding in enumerate(findings):
            by_path.setdefault(finding.spot.path, []).append(number)
        found = list(findings)
        for path, answer in (await self._ask(subject, findings, by_path)).items():
            for number, (function, code, end_line) in zip(by_path[path], answer, strict=True):
                finding = found[number]
                spot = replace(finding.spot, end_line=max(end_line, finding.spot.line))
                found[number] = replace(finding, function=finding.function or function, code=code, spot=spot)
        return found

    async def _ask(
        self, subject: Subject, findings: Sequence[Finding], by_path: dict[str, list[int]]
    ) -> dict[str, list[tuple[str, str, int]]]:
        spots = [(path, [findings[number].spot.line for number in numbers]) for path, numbers in by_path.items()]
        question = {"tree": str(subject.tree), "spots": spots}
        try:
            answers = await self._workbench.ask(subject, _MODULE, question)
        except AssessmentFailed:
            if len(by_path) == 1:
                return {}
            halves = (dict(list(by_path.items())[::2]), dict(list(by_path.items())[1::2]))
            return {path: each for half in halves for path, each in (await self._ask(subject, findings, half)).items()}
        return {path: answer for (path, _), answer in zip(spots, answers, strict=True) if answer is not None}


class Blaming:
    """A refinement: who brought the line of a finding, and with which commit."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    async def __call__(self, subject: Subject, findings: Sequence[Finding]) -> Sequence[Finding]:
        if subject.repository is None or not subject.revision:
            return findings
        places = {(finding.spot.path, finding.spot.line) for finding in findings if finding.spot.line}
        known = {place: await self._blame(subject, *place) for place in sorted(places)[:_BLAMED]}
        return [_signed(finding, known.get((finding.spot.path, finding.spot.line))) for finding in findings]

    async def _blame(self, subject: Subject, path: str, line: int) -> tuple[str, str] | None:
        assert subject.repository is not None
        argv = git(subject.repository, "blame", "--porcelain", f"-L{line},{line}", subject.revision, "--", path)
        try:
            done = await self._workbench.run(subject, Errand(argv, (subject.repository,), environment=SAFE))
        except AssessmentFailed:
            return None  # a file that is not committed, say
        lines = done.text.splitlines()
        author = next((each.removeprefix("author ") for each in lines if each.startswith("author ")), "")
        return (lines[0].split()[0], author) if lines else None


def _signed(finding: Finding, blame: tuple[str, str] | None) -> Finding:
    if blame is None:
        return finding
    spot: Spot = replace(finding.spot, commit=blame[0], author=blame[1])
    return replace(finding, spot=spot)
