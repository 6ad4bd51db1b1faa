"""Engine `code`: ruff's security rules on every Python file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pullet.analysis.security.rules import LEFT_OUT, RULES, fix_for
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot
from pullet.drivers.security.workbench import Errand, Workbench, interpreter, program
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_AT_A_TIME = 1000  # files a run: names have to fit into a command line
_NEWEST = "py314"  # newer syntax than that of the app's own Python is read too
_TESTS = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_NOT_IN_TESTS = frozenset({"S104", "S105", "S106", "S107", "S108", "S311"})
_UNREAD = frozenset({None, "invalid-syntax", "E902", "E999"})
_MISSED_SHOWN = 100


@dataclass(frozen=True)
class _Told:
    """What ruff said of some files."""

    findings: tuple[Finding, ...]
    unread: dict[str, str]


class CodeEngine:
    part = "code"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if _python(subject) else "there is no Python file"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """A repository cannot silence a rule: neither its configuration nor its `noqa` comments are heeded."""
        files = _python(subject)
        told = [
            await self._look(subject, files[first : first + _AT_A_TIME]) for first in range(0, len(files), _AT_A_TIME)
        ]
        unread = {path: why for each in told for path, why in each.unread.items()}
        return EngineReport(
            self.part,
            tuple(finding for each in told for finding in each.findings),
            (Coverage("files", len(files) - len(unread), len(files), tuple(sorted(unread.items())[:_MISSED_SHOWN])),),
            tool=await self._version(subject),
            checked=tuple(sorted({rule.cwe for rule in RULES.values()})),
        )

    async def _look(self, subject: Subject, files: Sequence[str]) -> _Told:
        options = (
            *("check", "--isolated", "--no-cache", "--ignore-noqa", "--no-respect-gitignore", "--exit-zero"),
            *("--select", "S", "--ignore", ",".join(sorted(LEFT_OUT)), "--target-version", _NEWEST),
            *("--output-format", "json", "--quiet"),
        )
        argv = (str(program("ruff")), *options, "--", *(f"./{path}" for path in files))
        done = await self._workbench.run(subject, Errand(argv, interpreter()))
        return await asyncio.to_thread(_read, done.stdout, subject)

    async def _version(self, subject: Subject) -> str:
        done = await self._workbench.run(subject, Errand((str(program("ruff")), "--version"), interpreter()))
        return done.text.strip()


def _python(subject: Subject) -> tuple[str, ...]:
    return tuple(path for path in subject.files if path.endswith((".py", ".pyw")))


def _read(output: bytes, subject: Subject) -> _Told:
    """Raises AssessmentFailed where it is no list of diagnostics."""
    try:
        diagnostics = json.loads(output)
        rows = list(_rows(diagnostics, f"{subject.tree.resolve()}/", f"{subject.tree}/"))
    except (ValueError, KeyError, TypeError) as err:
        raise AssessmentFailed("ruff's answer cannot be read", context=str(err)) from err
    unread = {path: str(row["message"])[:200] for path, row in rows if row["code"] in _UNREAD}
    findings = (_finding(path, row, subject.frameworks) for path, row in rows if path not in unread)
    return _Told(tuple(finding for finding in findings if finding is not None), unread)


def _rows(diagnostics: Any, *tops: str) -> Iterator[tuple[str, Any]]:
    for row in diagnostics:
        name = row["filename"]
        top = next((top for top in tops if name.startswith(top)), "")
        yield str(PurePosixPath(name.removeprefix(top))), row


def _finding(path: str, row: Any, frameworks: frozenset[str]) -> Finding | None:
    rule = RULES.get(row["code"])
    if rule is None:
        raise AssessmentFailed(f"ruff knows a rule {row['code']} that Pullet cannot explain")
    in_tests = bool(_TESTS.search(path))
    if in_tests and rule.code in _NOT_IN_TESTS:
        return None
    return Finding(
        rule=f"ruff/{rule.code}",
        cwe=rule.cwe,
        severity=Severity.NOTE if in_tests else rule.severity,
        basis=Basis.PATTERN,
        title=rule.title,
        spot=Spot(path, row["location"]["row"], row["end_location"]["row"]),
        reason="Tests are not served."
        if in_tests
        else "The pattern alone: whether a visitor reaches it is for review.",
        exploit=rule.exploit,
        fix=fix_for(rule, frameworks),
        sink=rule.sink,
        references=(str(row.get("url") or ""),) if row.get("url") else (),
    )
