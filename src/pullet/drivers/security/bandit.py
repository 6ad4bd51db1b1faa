"""Engine `bandit`, where it is installed beside Pullet or on PATH: a second opinion on patterns.

On a Python older than the code bandit skips files and ends well: what its own metrics do not name was not read.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pullet.analysis.security.rules import LEFT_OUT, RULES, fix_for
from pullet.analysis.security.served import NotServed
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot
from pullet.drivers.security.code import CWES
from pullet.drivers.security.workbench import Errand, Workbench, interpreter
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_BESIDE = Path(sys.executable).parent / "bandit"
_AT_A_TIME = 500  # files a run
_MISSED_SHOWN = 100
_OPTIONS = ("-f", "json", "-q", "--ignore-nosec", "--exit-zero", "-x", "none")
_SEVERITIES = {"HIGH": Severity.HIGH, "MEDIUM": Severity.MEDIUM, "LOW": Severity.LOW}


class BanditEngine:
    part = "bandit"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        if _program() is None:
            return "bandit is not installed"
        return "" if _paths(subject) else "there is no Python file"

    def files(self, subject: Subject) -> Sequence[str]:
        return [path for path in _paths(subject) if subject.only is None or path in subject.only]

    def program(self) -> Path | None:
        return _program()

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed."""
        paths = self.files(subject)
        findings: list[Finding] = []
        unread: dict[str, str] = {}
        for first in range(0, len(paths), _AT_A_TIME):
            some = paths[first : first + _AT_A_TIME]
            answer = await self._run(subject, *_OPTIONS, "--", *(f"./{path}" for path in some))
            told, missing = await asyncio.to_thread(_read, answer, some, subject)
            findings += told
            unread |= missing
        missed = tuple(sorted(unread.items())[:_MISSED_SHOWN])
        return EngineReport(
            self.part,
            tuple(findings),
            (Coverage("files", len(paths) - len(unread), len(paths), missed),),
            tool=await self._version(subject) if paths else "",
            checked=CWES,
        )

    async def _version(self, subject: Subject) -> str:
        """To start it for that would take as long as to look at a few files."""
        if _program() == _BESIDE:
            with suppress(PackageNotFoundError):
                return f"bandit {version('bandit')}"
        return (await self._run(subject, "--version")).decode("utf-8", "replace").partition("\n")[0]

    async def _run(self, subject: Subject, *arguments: str) -> bytes:
        found = _program()
        if found is None:
            raise AssessmentFailed("bandit is not there any more")
        errand = Errand((str(found), *arguments), (*interpreter(), found.resolve().parent.parent))
        return (await self._workbench.run(subject, errand)).stdout


def _program() -> Path | None:
    found = str(_BESIDE) if _BESIDE.exists() else shutil.which("bandit")
    return Path(found) if found else None


def _paths(subject: Subject) -> list[str]:
    return [path for path in subject.files if path.endswith(".py")]


def _read(output: bytes, paths: Sequence[str], subject: Subject) -> tuple[list[Finding], dict[str, str]]:
    """(findings, path -> why it was not read). Raises AssessmentFailed."""
    tests = NotServed(subject.files)
    by_name = {os.path.normpath(path): path for path in paths}
    try:
        answer = json.loads(output)
        failed = {by_name[_name(each)]: str(each["reason"])[:200] for each in answer["errors"]}
        read = {by_name[_name({"filename": name})] for name in answer["metrics"] if name != "_totals"}
        told = [_finding(by_name[_name(each)], each, tests, subject.frameworks) for each in answer["results"]]
    except (ValueError, KeyError, TypeError) as err:
        raise AssessmentFailed("bandit's answer cannot be read", context=repr(err)) from err
    silent = {path: "bandit passed it over" for path in paths if path not in read}
    return [finding for finding in told if finding is not None], silent | failed


def _name(row: Any) -> str:
    return os.path.normpath(str(row["filename"]))


def _finding(path: str, row: Any, tests: NotServed, frameworks: frozenset[str]) -> Finding | None:
    """bandit's B307 is ruff's S307: one explanation serves both, so that they become one finding."""
    code = f"S{row['test_id'][1:]}"
    if code in LEFT_OUT:
        return None
    rule = RULES.get(code)
    severity = rule.severity if rule else _SEVERITIES.get(row["issue_severity"], Severity.LOW)
    return Finding(
        rule=f"bandit/{row['test_id']}",
        cwe=rule.cwe if rule else int(row["issue_cwe"].get("id", 0)),
        severity=Severity.NOTE if tests.has(path) else severity,
        basis=Basis.PATTERN,
        title=rule.title if rule else str(row["issue_text"])[:200],
        spot=Spot(path, int(row["line_number"]), int(row["line_range"][-1])),
        reason="The pattern alone: whether a visitor reaches it is for review.",
        exploit=rule.exploit if rule else "",
        fix=fix_for(rule, frameworks) if rule else "",
        sink=rule.sink if rule else str(row["test_name"]),
        references=(str(row["more_info"]),),
    )
