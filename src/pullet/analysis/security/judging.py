"""From what the engines say to an assessment: what is new, what is waived, which part passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pullet.analysis.security.declarations import Declarations
from pullet.analysis.security.fingerprints import fingerprint, merged
from pullet.analysis.security.review import PART as REVIEW
from pullet.analysis.security.review import about_ticks, valid
from pullet.analysis.security.waivers import PART as WAIVERS
from pullet.analysis.security.waivers import apply, excuse
from pullet.domain.security import Assessment, EngineReport, Finding, Part, PartState, Severity


@dataclass(frozen=True)
class Yardstick:
    """What a revision is measured by."""

    fail_on: Severity
    base: str = ""
    """Name of the revision that it is compared with."""
    known: Mapping[str, int] | None = None
    """Fingerprint -> how many of it the base has. None: this revision sets the base, and nothing in it is new."""
    said: Declarations = field(default_factory=Declarations)
    """By the base."""


def judge(
    revision: str,
    examined: Sequence[EngineReport],
    left_out: Sequence[tuple[str, str]],
    yardstick: Yardstick,
    now: float,
    frameworks: Iterable[str] = (),
) -> Assessment:
    """`examined`: their findings located, not yet merged. `now`: seconds since the epoch."""
    today = datetime.fromtimestamp(now, UTC).date()
    said = yardstick.said
    reports = excuse(said.waivers, examined, today)
    outcome = apply(said.waivers, merged(_labelled(reports)), today)
    about = _identified(outcome.about_waivers)
    if said.waivers or said.waiver_trouble:
        reports = (*reports, EngineReport(WAIVERS, about, gap=said.waiver_trouble))
    overdue = _identified(about_ticks(said.ticks, today))
    if said.ticks or said.tick_trouble:
        reports = (*reports, EngineReport(REVIEW, overdue, gap=said.tick_trouble))
    new, known = _split((*outcome.counting, *about, *overdue), yardstick.known)
    parts = tuple(_part(report, new, yardstick.fail_on) for report in reports)
    return Assessment(
        revision=revision,
        base=yardstick.base,
        assessed=now,
        fail_on=yardstick.fail_on,
        parts=tuple(replace(part, report=replace(part.report, findings=(), document="")) for part in parts),
        left_out=tuple(left_out),
        new=new,
        known=known,
        waived=outcome.waived,
        frameworks=tuple(sorted(frameworks)),
        reviewed=valid(said.ticks, today),
        document=next((report.document for report in reports if report.document), ""),
    )


def holds_back(finding: Finding, fail_on: Severity) -> bool:
    """Whether a new one holds a release back."""
    return finding.blocks and finding.severity.at_least(fail_on)


def counted(assessment: Assessment) -> Mapping[str, int]:
    """What a later revision is compared with. Without the waived ones: once a waiver ends, what it covered is new."""
    return Counter(finding.fingerprint for finding in assessment.findings)


def _identified(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(each, fingerprint=fingerprint(each)) for each in findings)


def _labelled(reports: Iterable[EngineReport]) -> Iterable[Finding]:
    for report in reports:
        for finding in report.findings:
            yield replace(finding, engines=(report.part,))


def _split(
    findings: Iterable[Finding], known: Mapping[str, int] | None
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """New ones and known ones, the worst first."""
    order = sorted(findings, key=_worst_first)
    if known is None:
        return (), tuple(order)
    room = Counter(known)
    new: list[Finding] = []
    old: list[Finding] = []
    for finding in order:
        room[finding.fingerprint] -= 1
        (old if room[finding.fingerprint] >= 0 else new).append(finding)
    return tuple(new), tuple(old)


def _worst_first(finding: Finding) -> tuple[int, int, str, int, str]:
    severity = list(Severity).index(finding.severity)
    return (not finding.blocks, severity, finding.spot.path, finding.spot.line, finding.rule)


def _part(report: EngineReport, new: Sequence[Finding], fail_on: Severity) -> Part:
    blocking = sum(1 for finding in new if finding.engines[:1] == (report.part,) and holds_back(finding, fail_on))
    if blocking:
        return Part(report, PartState.HELD_BACK, f"{_many(blocking, 'new finding')} at or above {fail_on}")
    if not report.assessed:
        return Part(report, PartState.NOT_ASSESSED, report.gap or _incomplete(report))
    return Part(report, PartState.PASSED, _covered(report))


def _incomplete(report: EngineReport) -> str:
    partial = [each for each in report.coverage if not each.complete]
    first = next((f"{name}: {why}" for each in partial for name, why in each.missed), "")
    counts = ", ".join(f"{each.done} of {each.there} {each.unit}" for each in partial)
    return f"{counts} looked at" + (f" ({first})" if first else "")


def _covered(report: EngineReport) -> str:
    return ", ".join(f"{each.done} of {each.there} {each.unit}" for each in report.coverage) or "done"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
