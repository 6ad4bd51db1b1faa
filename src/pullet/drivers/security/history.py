"""Engine `history`: gitleaks on every commit that led to the revision: all of them the first time, then the new ones.

What earlier commits brought is remembered, as it stays in the history; losing the memory costs time.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullet.analysis.security.leaks import CWES, leak
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Coverage, EngineReport, Finding, Spot
from pullet.drivers.security.git import git
from pullet.drivers.security.gitleaks import SAFE_GIT, leaks, tool
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink


@dataclass(frozen=True)
class _Known:
    """What the commits up to one of them brought."""

    revision: str = ""
    rows: tuple[dict[str, Any], ...] = ()


class HistoryEngine:
    part = "history"

    def __init__(self, workbench: Workbench, memory: Path) -> None:
        """`memory`: a folder of Pullet's own."""
        self._workbench = workbench
        self._memory = memory

    def left_out(self, subject: Subject) -> str:
        return "" if subject.repository is not None and subject.revision else "nothing is committed"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed."""
        place = self._memory / subject.app / f"{self.part}.json"
        known = await asyncio.to_thread(_load, place)
        if known.revision and not await self._is_before(subject, known.revision, subject.revision):
            if await self._is_before(subject, subject.revision, known.revision):
                return await self._earlier(subject, known)
            known = _Known()  # the branch was written anew: what it no longer leads to is not its history
        commits = f"{known.revision}..{subject.revision}" if known.revision else subject.revision
        count = int(await self._git(subject, "rev-list", "--count", commits) or 0)
        fresh: list[dict[str, Any]] = []
        if count:
            async with self._workbench.folder(subject) as folder:
                assert subject.repository is not None
                fresh = await leaks(self._workbench, subject, folder, "git", subject.repository, commits)
        rows = (*known.rows, *fresh)
        with suppress(OSError):
            await asyncio.to_thread(_save, place, _Known(subject.revision, rows))
        return EngineReport(
            self.part, tuple(map(_finding, rows)), (Coverage("commits", count, count),), tool=tool(), checked=CWES
        )

    async def _earlier(self, subject: Subject, known: _Known) -> EngineReport:
        """A revision on the way to what was looked at: a base that is compared with."""
        shas = frozenset((await self._git(subject, "rev-list", subject.revision)).split())
        rows = [row for row in known.rows if row["Commit"] in shas]
        return EngineReport(
            self.part, tuple(map(_finding, rows)), (Coverage("commits", 0, 0),), tool=tool(), checked=CWES
        )

    async def _is_before(self, subject: Subject, one: str, other: str) -> bool:
        try:
            await self._git(subject, "merge-base", "--is-ancestor", one, other)
        except AssessmentFailed:
            return False
        return True

    async def _git(self, subject: Subject, *arguments: str) -> str:
        assert subject.repository is not None
        errand = Errand(git(subject.repository, *arguments), (subject.repository,), environment=SAFE_GIT)
        return (await self._workbench.run(subject, errand)).text.strip()


def _load(place: Path) -> _Known:
    """Nothing where another version wrote it, or it is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(place.read_bytes())
        known = _Known(str(told["revision"]), tuple(told["rows"]))
        tuple(map(_finding, known.rows))
        return known if told["tool"] == tool() else _Known()
    return _Known()


def _save(place: Path, known: _Known) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(".new")
    new.write_text(json.dumps({"tool": tool(), "revision": known.revision, "rows": list(known.rows)}))
    new.replace(place)


def _finding(row: dict[str, Any]) -> Finding:
    spot = Spot(
        str(row["File"]), int(row["StartLine"]), int(row["EndLine"]), "", str(row["Commit"]), str(row["Author"])
    )
    return leak(str(row["RuleID"]), spot, str(row["digest"]), str(row["shown"]), in_tree=False)
