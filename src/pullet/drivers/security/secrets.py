"""Engine `secrets`: gitleaks on the files."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pullet.analysis.security.leaks import CWES, leak
from pullet.domain.security import Coverage, EngineReport, Finding, Spot
from pullet.drivers.security.gitleaks import leaks, program, tool
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_FEW = 0.5  # of all files: from there on they are not worth a copy


class SecretsEngine:
    """Each file apart, so what was said of it holds while it stays the same (see `remembering.PerFile`)."""

    part = "secrets"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if subject.files else "there is no file"

    def files(self, subject: Subject) -> Sequence[str]:
        return [path for path in subject.files if subject.only is None or path in subject.only]

    def program(self) -> Path:
        return program()

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        wanted = self.files(subject)
        rows: list[tuple[dict[str, Any], str]] = []
        if wanted:
            async with self._workbench.folder(subject) as folder:
                where = await asyncio.to_thread(_place, subject, wanted, folder)
                found = await leaks(self._workbench, subject, folder, "dir", where)
            rows = [(row, str(row["File"]).removeprefix(f"{where}/")) for row in found]
        kept = frozenset(wanted)
        findings = tuple(_finding(row, path) for row, path in rows if path in kept)
        coverage = (Coverage("files", len(wanted), len(wanted)),)
        return EngineReport(self.part, findings, coverage, tool=tool(), checked=CWES)


def _place(subject: Subject, wanted: Sequence[str], folder: Path) -> Path:
    """Where gitleaks looks, which it does at whole folders: the tree, or copies of a few of its files. Blocking."""
    if len(wanted) > _FEW * len(subject.files):
        return subject.tree
    few = folder / "files"
    for path in wanted:
        (few / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(subject.tree / path, few / path, follow_symlinks=False)
    return few


def _finding(row: dict[str, Any], path: str) -> Finding:
    spot = Spot(path, int(row["StartLine"]), int(row["EndLine"]))
    return leak(str(row["RuleID"]), spot, str(row["digest"]), str(row["shown"]), in_tree=True)
