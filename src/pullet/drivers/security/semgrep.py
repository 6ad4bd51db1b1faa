"""Engine `semgrep`: the repository's own rules, where semgrep or opengrep is installed beside Pullet or on PATH.

Its parser steps over what it does not understand, and often says nothing of that: its word is counted for files that it
names, as only it knows which of them a rule is about. What it says that it did not read whole is counted as not read.
Pullet brings no rules: those that semgrep publishes are not free to be passed on. What the rules match is for review.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.security.workbench import Errand, Workbench, interpreter
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_PROGRAMS = ("opengrep", "semgrep")
_RULES = re.compile(r"\.semgrep\.ya?ml|\.semgrep/.+\.ya?ml")
_OPTIONS = (
    "--json",
    "--verbose",
    "--metrics=off",
    "--disable-version-check",
    "--no-git-ignore",
    "--disable-nosem",
    "-j1",
    "--max-target-bytes=0",
)
_SEVERITIES = {"CRITICAL": Severity.CRITICAL, "ERROR": Severity.HIGH, "HIGH": Severity.HIGH, "WARNING": Severity.MEDIUM,
               "MEDIUM": Severity.MEDIUM}  # fmt: skip
_CWE = re.compile(r"cwe[-_ :]*0*(\d{1,5})", re.IGNORECASE)
_NOT_MEANT = frozenset({"wrong_language", "irrelevant_rule"})
_AT_A_TIME = 500  # files a run
_SHOWN = 100
_RESERVED = 6 << 30  # bytes: its runtime reserves far more than it uses, and is killed by less


class SemgrepEngine:
    part = "semgrep"

    def __init__(self, workbench: Workbench, path: str | None = None) -> None:
        """`path`: where programs are looked for, as in PATH; None: PATH itself."""
        self._workbench = workbench
        self._path = path

    def left_out(self, subject: Subject) -> str:
        if not _rules(subject):
            return "the repository has no rules for it in .semgrep.yml or .semgrep/"
        return "" if self._program() else "neither semgrep nor opengrep is installed"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed, also where a rule cannot be read."""
        rules = _rules(subject)
        paths, odd = _nameable(path for path in subject.files if path not in set(rules))
        findings: list[Finding] = []
        missed = dict.fromkeys(odd, "its name is no UTF-8, and semgrep takes no such names")
        scanned: set[str] = set()
        version = ""
        for first in range(0, len(paths), _AT_A_TIME):
            some = paths[first : first + _AT_A_TIME]
            answer = await self._run(subject, rules, some)
            try:
                findings += [_finding(row) for row in answer["results"]]
                missed |= {**_skipped(answer["paths"].get("skipped", ())), **_unread(answer["errors"])}
                scanned |= {str(path).removeprefix("./") for path in answer["paths"]["scanned"]}
            except (LookupError, TypeError, ValueError, AttributeError) as err:
                raise AssessmentFailed("What semgrep says cannot be read", context=repr(err)) from err
            version = str(answer["version"])[:40]
        read = scanned - missed.keys()
        coverage = Coverage("files", len(read), len(scanned | missed.keys()), tuple(sorted(missed.items()))[:_SHOWN])
        checked = tuple(sorted({finding.cwe for finding in findings}))
        return EngineReport(self.part, tuple(findings), (coverage,), tool=f"semgrep {version}", checked=checked)

    async def _run(self, subject: Subject, rules: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
        program = self._program()
        if program is None:
            raise AssessmentFailed("semgrep is not there any more")
        configured = [part for rule in rules for part in ("--config", f"./{rule}")]
        argv = (str(program), "scan", *configured, *_OPTIONS, "--", *(f"./{path}" for path in paths))
        roots = map(Path, interpreter_roots(program.parent / "python"))
        errand = Errand(argv, (*interpreter(), *roots), ok=frozenset({0, 1, 2, 3}), memory=_RESERVED)
        done = await self._workbench.run(subject, errand)
        try:
            answer = json.loads(done.stdout)
            if done.exit_code > 1 and not any("path" in error for error in answer["errors"]):
                raise AssessmentFailed("semgrep cannot use the rules", context=str(answer["errors"])[:1000])
            return {key: answer[key] for key in ("results", "errors", "paths", "version")}
        except (ValueError, LookupError, TypeError) as err:
            context = done.stderr.decode("utf-8", "replace")[-1000:] or str(err)
            raise AssessmentFailed("semgrep's answer cannot be read", context=context) from err

    def _program(self) -> Path | None:
        beside = Path(sys.executable).parent
        for name in _PROGRAMS:
            if self._path is None and (beside / name).exists():
                return beside / name
            if found := shutil.which(name, path=self._path):
                return Path(found).resolve() if Path(found).is_symlink() else Path(found)
        return None


def _rules(subject: Subject) -> list[str]:
    return [path for path in subject.files if _RULES.fullmatch(path)]


def _nameable(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """(paths that can be handed over, those that would end the whole run)."""
    sorted_out: tuple[list[str], list[str]] = ([], [])
    for path in paths:
        sorted_out[any("\ud800" <= c <= "\udfff" for c in path)].append(path)
    return sorted_out


def _skipped(rows: Iterable[Any]) -> dict[str, str]:
    """File -> why, of those that it passed over. That no rule is about a file is no gap."""
    return {
        str(row["path"]).removeprefix("./"): f"semgrep passed it over: {row['reason']}"[:200]
        for row in rows
        if row["reason"] not in _NOT_MEANT
    }


def _unread(errors: Iterable[Any]) -> dict[str, str]:
    """File -> why, of those that it could not parse, or not in whole."""
    return {
        str(error["path"]).removeprefix("./"): str(error.get("message", "it could not be read"))[:200]
        for error in errors
        if "path" in error
    }


def _finding(row: Any) -> Finding:
    """Raises KeyError, TypeError for what is no result."""
    extra = row["extra"]
    cwe = _CWE.search(str(extra.get("metadata", {}).get("cwe", "")))
    name = str(row["check_id"])[:200]
    spot = Spot(str(row["path"]).removeprefix("./"), int(row["start"]["line"]), int(row["end"]["line"]))
    return Finding(
        rule=f"semgrep/{name}",
        cwe=int(cwe[1]) if cwe else 0,
        severity=_SEVERITIES.get(str(extra.get("severity")), Severity.LOW),
        basis=Basis.PATTERN,
        title=str(extra.get("message", name)).strip()[:200] or name,
        spot=spot,
        reason="As the repository's own rule says.",
        sink=name,
    )
