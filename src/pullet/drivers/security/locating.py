"""Completes findings with the function and statement around them, and with the commit that brought the line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Finding
from pullet.drivers.security.asked.files import Unread, read
from pullet.drivers.security.git import SAFE, git
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject

_BLAMED = 200  # findings
_BLAME_TIME = 60.0  # seconds for all files; later ones stay without an author
_MODULE = "pullet.drivers.security.asked.locate"
_Place = tuple[str, str, int]  # function, code, end line


class Locating:
    """A refinement: see `drivers.security.assessor`."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    async def __call__(self, subject: Subject, findings: Sequence[Finding]) -> Sequence[Finding]:
        """A file whose syntax tree ends the interpreter costs the places of its own findings, and no finding."""
        places = await self._ask(subject, _lines(findings))
        return [_placed(finding, places.get((finding.spot.path, finding.spot.line))) for finding in findings]

    async def _ask(self, subject: Subject, spots: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], _Place]:
        question = {"tree": str(subject.tree), "spots": list(spots.items())}
        try:
            answers = await self._workbench.ask(subject, _MODULE, question)
        except AssessmentFailed:
            if len(spots) <= 1:
                return {}
            paths = list(spots)
            halves = ({path: spots[path] for path in half} for half in (paths[::2], paths[1::2]))
            return {place: told for half in halves for place, told in (await self._ask(subject, half)).items()}
        return {
            (path, line): told
            for (path, lines), answer in zip(spots.items(), answers, strict=True)
            for line, told in zip(lines, answer or (), strict=bool(answer))
        }


class Blaming:
    """A refinement: who brought the line of a finding, and with which commit."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    async def __call__(self, subject: Subject, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Findings in files that are not committed, or have changed since, stay as they are."""
        if subject.repository is None or not subject.revision:
            return findings
        ends = asyncio.get_running_loop().time() + _BLAME_TIME
        known: dict[tuple[str, int], _Origin] = {}
        for path, lines in _lines(findings[:_BLAMED]).items():
            if asyncio.get_running_loop().time() < ends:
                known |= {(path, line): origin for line, origin in (await self._blame(subject, path, lines)).items()}
        return [_signed(finding, known.get((finding.spot.path, finding.spot.line))) for finding in findings]

    async def _blame(self, subject: Subject, path: str, lines: Sequence[int]) -> dict[int, _Origin]:
        """The lines as they are in the tree: a number may mean another line in the commit."""
        try:
            there = (await asyncio.to_thread(read, subject.tree, path)).split(b"\n")
        except Unread:
            return {}
        ranges = [f"-L{line},{line}" for line in lines if 0 < line <= len(there)]
        arguments = ("blame", "--porcelain", "--no-textconv", *ranges, subject.revision, "--", path)
        assert subject.repository is not None
        errand = Errand(git(subject.repository, *arguments), (subject.repository,), environment=SAFE)
        try:
            done = await self._workbench.run(subject, errand)
        except AssessmentFailed:
            return {}  # not committed, or shorter there
        found = _origins(done.stdout.split(b"\n"))
        return {line: each for line, each in found.items() if each.text == there[line - 1].rstrip(b"\r")}


@dataclass(frozen=True)
class _Origin:
    commit: str
    author: str
    text: bytes


def _origins(porcelain: Iterable[bytes]) -> dict[int, _Origin]:
    """Line -> where it is from. A header names the author where its commit appears first."""
    authors: dict[str, str] = {}
    found: dict[int, _Origin] = {}
    commit, line, fresh = "", 0, True
    for row in porcelain:
        if row.startswith(b"\t"):
            found[line] = _Origin(commit, authors.get(commit, ""), row[1:].rstrip(b"\r"))
            fresh = True
        elif fresh and row:
            fields = row.split()
            commit, line, fresh = fields[0].decode("ascii", "replace"), int(fields[2]), False
        elif row.startswith(b"author "):
            authors[commit] = row.removeprefix(b"author ").decode("utf-8", "replace")
    return found


def _lines(findings: Iterable[Finding]) -> dict[str, list[int]]:
    """Path -> its lines, each once."""
    found: dict[str, dict[int, None]] = {}
    for finding in findings:
        if finding.spot.path and finding.spot.line:
            found.setdefault(finding.spot.path, {})[finding.spot.line] = None
    return {path: list(lines) for path, lines in found.items()}


def _placed(finding: Finding, place: _Place | None) -> Finding:
    if place is None:
        return finding
    function, code, end_line = place
    spot = replace(finding.spot, end_line=max(end_line, finding.spot.line))
    if (
        not finding.identity or not finding.code
    ):  # else it says itself what it is known by, without what is secret there
        finding = replace(finding, code=code or finding.code)
    return replace(finding, function=finding.function or function, spot=spot)


def _signed(finding: Finding, origin: _Origin | None) -> Finding:
    if origin is None:
        return finding
    return replace(finding, spot=replace(finding.spot, commit=origin.commit, author=origin.author))
