"""Engine `code`: ruff's security rules on every Python file.

A repository cannot silence a rule (neither its configuration nor its `noqa` comments are heeded) and no file is passed
over in silence: ruff is told to require an import that no file has, so that each file it has read says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pullet.analysis.security.rules import LEFT_OUT, RULES, fix_for
from pullet.analysis.security.served import NotServed
from pullet.domain.errors import AssessmentFailed, CommandFailed
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot
from pullet.drivers.security.workbench import Errand, Workbench, interpreter, program
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

CWES = tuple(sorted({rule.cwe for rule in RULES.values()}))
_AT_A_TIME = 1000  # files a run: names have to fit into a command line
_NEWEST = "py315"  # newer syntax than that of the app's own Python is read too
_WAS_READ = "I002"  # a required import is missing
_REQUIRED = 'lint.isort.required-imports=["import pullet_was_here"]'
_NOT_IN_TESTS = frozenset({"S104", "S105", "S106", "S107", "S108", "S311"})
_UNREAD = frozenset({None, "invalid-syntax", "E902", "E999"})
_MISSED_SHOWN = 100
_CRASHES = 20  # files that end ruff, before it is given up
_BARE = "pullet.drivers.security.asked.bare"
_SHEBANG = re.compile(rb"#![^\n]*\bpython")
_OPTIONS = (
    *("check", "--isolated", "--no-cache", "--ignore-noqa", "--no-respect-gitignore", "--exit-zero", "--quiet"),
    *("--select", f"S,E902,{_WAS_READ}", "--ignore", ",".join(sorted(LEFT_OUT)), "--config", _REQUIRED),
    *("--target-version", _NEWEST, "--output-format", "json"),
)


@dataclass
class _Told:
    """What ruff said of some files."""

    findings: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def add(self, other: _Told) -> None:
        self.findings += other.findings
        self.unread |= other.unread
        self.read |= other.read


class CodeEngine:
    part = "code"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if _modules(subject) else "there is no Python file"

    def files(self, subject: Subject) -> Sequence[str]:
        found = [*_modules(subject), *_scripts(subject)]
        return [path for path in found if subject.only is None or path in subject.only]

    def program(self) -> Path:
        return program("ruff")

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed where ruff ends without an answer for more than a few files."""
        files = await asyncio.to_thread(self.files, subject)
        told = _Told()
        for first in range(0, len(files), _AT_A_TIME):
            told.add(await self._look(subject, files[first : first + _AT_A_TIME], told))
        silent = [path for path in files if path not in told.read and path not in told.unread]
        told.unread |= await self._explained(subject, silent)
        missed = tuple(sorted(told.unread.items())[:_MISSED_SHOWN])
        return EngineReport(
            self.part,
            tuple(told.findings),
            (Coverage("files", len(files) - len(told.unread), len(files), missed),),
            tool=await self._version(subject) if files else "",
            checked=CWES,
        )

    async def _look(self, subject: Subject, files: Sequence[str], before: _Told) -> _Told:
        """A file that ends ruff (nesting that overflows its stack, say) is given up alone: halves are tried."""
        argv = (str(program("ruff")), *_OPTIONS, "--", *(f"./{path}" for path in files))
        try:
            done = await self._workbench.run(subject, Errand(argv, interpreter()))
        except AssessmentFailed as err:
            late = isinstance(err.__cause__, CommandFailed) and err.__cause__.timed_out
            if late or len(before.unread) >= _CRASHES:
                raise
            if len(files) == 1:
                return _Told(unread={files[0]: f"ruff cannot read it: {err.message}"})
            told = _Told()
            for half in (files[::2], files[1::2]):
                told.add(await self._look(subject, half, told))
            return told
        return await asyncio.to_thread(_read, done.stdout, subject, files)

    async def _explained(self, subject: Subject, silent: Sequence[str]) -> Mapping[str, str]:
        """Of files that ruff said nothing about: those that hold more than comments and a docstring."""
        if not silent:
            return {}
        bare = await self._workbench.ask(subject, _BARE, {"tree": str(subject.tree), "paths": silent})
        return {path: "ruff passed it over" for path, is_bare in zip(silent, bare, strict=True) if not is_bare}

    async def _version(self, subject: Subject) -> str:
        done = await self._workbench.run(subject, Errand((str(program("ruff")), "--version"), interpreter()))
        return done.text.strip()


def _modules(subject: Subject) -> tuple[str, ...]:
    return tuple(path for path in subject.files if path.endswith((".py", ".pyw")))


def _scripts(subject: Subject) -> Iterable[str]:
    """Files without a suffix whose first line names Python. Blocking."""
    names = ((path, path.rpartition("/")[2]) for path in subject.files)
    return [path for path, name in names if "." not in name and _is_script(subject.tree / path)]


def _is_script(path: Path) -> bool:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return bool(_SHEBANG.match(file.read(128)))
    except OSError:
        return False


def _read(output: bytes, subject: Subject, files: Sequence[str]) -> _Told:
    """Raises AssessmentFailed where it is no list of diagnostics of these files."""
    told, tests = _Told(), NotServed(subject.files)
    try:
        for path, row in _rows(json.loads(output), subject.tree, files):
            if row["code"] in _UNREAD:
                told.unread.setdefault(path, str(row["message"])[:200])
            elif row["code"] == _WAS_READ:
                told.read.add(path)
            elif (finding := _finding(path, row, tests.has(path), subject.frameworks)) is not None:
                told.findings.append(finding)
    except (ValueError, KeyError, TypeError) as err:
        raise AssessmentFailed("ruff's answer cannot be read", context=str(err)) from err
    return told


def _rows(diagnostics: Any, tree: Path, files: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Raises KeyError for a file that nobody asked about."""
    by_name = {_as_told(f"{top}/{path}"): path for path in files for top in (tree, tree.resolve())}
    for row in diagnostics:
        yield by_name[row["filename"]], row


def _as_told(path: str) -> str:
    """ruff prints bytes that are no UTF-8 as the replacement character."""
    return os.path.normpath(os.fsencode(path).decode("utf-8", "replace"))


def _finding(path: str, row: Any, tested: bool, frameworks: frozenset[str]) -> Finding | None:
    rule = RULES.get(row["code"])
    if rule is None:
        raise AssessmentFailed(f"ruff knows a rule {row['code']} that Pullet cannot explain")
    if tested and rule.code in _NOT_IN_TESTS:
        return None
    return Finding(
        rule=f"ruff/{rule.code}",
        cwe=rule.cwe,
        severity=Severity.NOTE if tested else rule.severity,
        basis=Basis.PATTERN,
        title=rule.title,
        spot=Spot(path, row["location"]["row"], row["end_location"]["row"]),
        reason="Tests are not served." if tested else "The pattern alone: whether a visitor reaches it is for review.",
        exploit=rule.exploit,
        fix=fix_for(rule, frameworks),
        sink=rule.sink,
        references=(str(row["url"]),) if row.get("url") else (),
    )
