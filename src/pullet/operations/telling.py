"""An assessment, as a terminal or another program reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from pullet import __version__
from pullet.analysis.security.judging import holds_back
from pullet.analysis.security.sarif import sarif as sarif_of
from pullet.analysis.security.weaknesses import weakness
from pullet.domain.codec import to_json
from pullet.domain.security import Assessed, Assessment, Finding, Part, PartState, Severity

Colour = Callable[..., str]
_COLOURS = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.NOTE: "bright_black",
}
_STATES = {PartState.PASSED: "green", PartState.HELD_BACK: "red", PartState.NOT_ASSESSED: "yellow"}
_REVIEWED = 20  # findings for review that a terminal shows


def json_text(found: Assessed) -> str:
    """Stable: `state`, `parts` by name, `findings` with what their CWE stands for."""
    return json.dumps(data(found), indent=2)


def data(found: Assessed) -> dict[str, Any]:
    """The same as a value of dicts and lists."""
    assessment = found.newest
    return {
        "app": found.app,
        "release": found.release or None,
        "revision": assessment.revision,
        "base": assessment.base or None,
        "assessed": assessment.assessed,
        "state": str(assessment.state),
        "fail_on": str(assessment.fail_on),
        "frameworks": list(assessment.frameworks),
        "reviewed": to_json(assessment.reviewed),
        "parts": [_part_data(part) for part in assessment.parts],
        "left_out": [{"name": name, "why": why} for name, why in assessment.left_out],
        "findings": [
            *(_finding_data(finding, assessment, "new") for finding in assessment.new),
            *(_finding_data(finding, assessment, "known") for finding in assessment.known),
            *(
                {**_finding_data(finding, assessment, "waived"), "waiver": reason}
                for finding, reason in assessment.waived
            ),
        ],
    }


def sarif(found: Assessed) -> str:
    """SARIF 2.1.0."""
    return sarif_of(found.newest, __version__)


def _part_data(part: Part) -> dict[str, Any]:
    report = part.report
    return {
        "name": report.part,
        "state": str(part.state),
        "why": part.why,
        "coverage": to_json(report.coverage),
        "tool": report.tool,
        "data": report.data,
        "seconds": report.seconds,
    }


def _finding_data(finding: Finding, assessment: Assessment, standing: str) -> dict[str, Any]:
    about = weakness(finding.cwe)
    told = to_json(finding)
    assert isinstance(told, dict)
    return {
        **told,
        "standing": standing,
        "blocks": standing == "new" and holds_back(finding, assessment.fail_on),
        "name": about.name,
        "top_ten_2021": about.category_2021,
        "top_ten_2025": about.category,
        "asvs": list(about.asvs),
        "cheat_sheets": list(about.cheat_sheets),
    }


def text(found: Assessed, colour: Colour) -> str:
    """For a terminal: what holds it back first, then what is to be looked at, then how much was looked at."""
    return "\n".join(_lines(found.newest, colour)) + "\n"


def _lines(assessment: Assessment, colour: Colour) -> Iterator[str]:
    base = f", against {assessment.base}" if assessment.base else ""
    yield f"{assessment.revision}{base}: {_state(assessment.state, colour)}"
    blocking = [finding for finding in assessment.new if holds_back(finding, assessment.fail_on)]
    others = [finding for finding in assessment.new if finding not in blocking]
    yield from _group("Holds it back", blocking, colour)
    yield from _group("For review", others[:_REVIEWED], colour)
    if len(others) > _REVIEWED:
        yield f"  … and {len(others) - _REVIEWED} more: --format html shows all"
    yield from _group("Known before", assessment.known[:_REVIEWED], colour)
    for finding, reason in assessment.waived:
        yield f"  waived: {_clean(finding.title)} at {_clean(str(finding.spot))}: {_clean(reason)}"
    yield ""
    yield colour("What was looked at", "white", bold=True)
    for part in assessment.parts:
        yield f"  {part.report.part:<14} {_state(part.state, colour)}  {_clean(part.why)}"
    for name, why in assessment.left_out:
        yield f"  {name:<14} {colour('left out', 'bright_black')}  {_clean(why)}"


def _group(title: str, findings: list[Finding] | tuple[Finding, ...], colour: Colour) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield colour(title, "white", bold=True)
    for finding in findings:
        about = weakness(finding.cwe)
        yield f"  {colour(str(finding.severity), _COLOURS[finding.severity])}  {_clean(finding.title)}"
        named = f"CWE-{finding.cwe}, {about.category}" if finding.cwe else "no CWE"
        yield f"      {_clean(str(finding.spot))}  {named}  [{finding.fingerprint}]"
        if finding.code:
            yield f"      {colour(_clean(finding.code)[:160], 'bright_black')}"
        yield f"      {_clean(finding.fix)}"


def _state(state: PartState, colour: Colour) -> str:
    return colour(str(state).upper().replace("-", " "), _STATES[state])


def _clean(told: str) -> str:
    """On one line, without what would drive a terminal."""
    return "".join(c if c.isprintable() else "�" for c in told)
