"""Programs that look deeper where somebody has installed them: schemathesis for what an OpenAPI document describes."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullet.analysis.security.live.junit import hits
from pullet.analysis.security.live.rules import findings
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Coverage, Finding
from pullet.drivers.security.live.client import Site
from pullet.drivers.security.workbench import Errand, Workbench, interpreter
from pullet.ports.assessing import Subject

_READER = "pullet.drivers.security.live.junit"
_EXAMPLES = 20  # requests an operation


@dataclass(frozen=True)
class Extra:
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    told: str = ""


async def schemathesis(workbench: Workbench, subject: Subject, site: Site) -> Extra:
    """Only against a throw-away instance, as it sends whatever the description allows. Never raises for what it meets:
    where it was to run and did not, the coverage says so."""
    program = _program()
    if program is None:
        return Extra(told="schemathesis is not installed")
    if not subject.throw_away:
        return Extra(told="schemathesis did not run: it changes data, and this instance is no throw-away")
    if "fastapi" not in subject.frameworks:
        return Extra(told="schemathesis did not run: no OpenAPI document is expected")
    try:
        found = await _run(workbench, subject, site, program)
    except AssessmentFailed as err:
        why = Coverage("schemathesis", 0, 1, (("schemathesis", err.message),))
        return Extra(coverage=(why,), told="schemathesis failed")
    return found


def _program() -> Path | None:
    beside = Path(sys.executable).parent / "schemathesis"
    found = str(beside) if beside.exists() else shutil.which("schemathesis")
    return Path(found).resolve() if found else None


async def _run(workbench: Workbench, subject: Subject, site: Site, program: Path) -> Extra:
    async with workbench.folder(subject) as folder:
        report = folder / "report.xml"
        argv = (
            *(str(program), "run", f"{site.scheme}://{site.authority}{site.prefix}/openapi.json"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(_EXAMPLES), "--request-timeout", "5"),
            *("--report", "junit", "--report-junit-path", str(report), "--no-color", "--rate-limit", "20/s"),
        )
        readable = (program.parent.parent, *interpreter())
        errand = Errand(argv, readable, (folder,), ok=frozenset({0, 1}), network=True, cwd=folder)
        await workbench.run(subject, errand)
        answer = await workbench.ask(subject, _READER, {"path": str(report)}, readable=(folder,))
    return _judged(answer, subject)


def _judged(answer: Any, subject: Subject) -> Extra:
    """Operations that it could not try are not covered."""
    try:
        tests, errors = int(answer["tests"]), int(answer["errors"])
        found = findings(hits(answer["cases"]), subject.frameworks)
    except (LookupError, TypeError, ValueError) as err:
        raise AssessmentFailed("The report of schemathesis cannot be read", context=str(err)) from err
    missed = (("operations", f"{errors} could not be tried"),) if errors else ()
    return Extra(found, (Coverage("operations", tests - errors, tests, missed),), "schemathesis ran")
