"""An assessment as SARIF 2.1.0 (OASIS): what code hosts and editors show beside the lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pullet.analysis.security.judging import holds_back
from pullet.analysis.security.weaknesses import Weakness, weakness
from pullet.domain.security import Assessment, Finding, PartState, Severity, Spot

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.NOTE: "note",
}
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.NOTE: "0.5",
}


def sarif(assessment: Assessment, version: str) -> str:
    """`version`: Pullet's own."""
    everything = [
        *((finding, "new", "") for finding in assessment.new),
        *((finding, "unchanged", "") for finding in assessment.known),
        *((finding, "unchanged", reason) for finding, reason in assessment.waived),
    ]
    rules = {finding.rule: finding for finding, _, _ in everything}
    order = {rule: number for number, rule in enumerate(sorted(rules))}
    run = {
        "tool": {
            "driver": {
                "name": "Pullet",
                "semanticVersion": version,
                "rules": [_rule(rules[rule]) for rule in order],
            },
        },
        "taxonomies": [_taxonomy(rules.values())],
        "invocations": [_invocation(assessment)],
        "automationDetails": {"id": f"pullet/{assessment.revision}"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(*each, order, assessment) for each in everything],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(finding: Finding) -> dict[str, Any]:
    about = weakness(finding.cwe)
    help_text = "\n\n".join(text for text in (finding.exploit, finding.fix, *about.cheat_sheets) if text)
    return {
        "id": finding.rule,
        "name": finding.rule.partition("/")[2] or finding.rule,
        "shortDescription": {"text": finding.title},
        "help": {"text": help_text or finding.title},
        "properties": {"tags": _tags(about), "security-severity": _SCORES[finding.severity]},
        **(_class(about) if finding.cwe else {}),
    }


def _tags(about: Weakness) -> list[str]:
    if not about.cwe:
        return ["security"]
    return ["security", f"external/cwe/cwe-{about.cwe}", about.category, about.category_2021, *about.asvs]


def _class(about: Weakness) -> dict[str, Any]:
    """A rule of the repository's own may name no CWE, and then has none."""
    target = {"id": str(about.cwe), "toolComponent": {"name": "CWE", "index": 0}}
    return {
        "fullDescription": {"text": f"CWE-{about.cwe} {about.name}; {about.category}"},
        "helpUri": about.url,
        "relationships": [{"target": target, "kinds": ["superset"]}],
    }


def _taxonomy(findings: Iterable[Finding]) -> dict[str, Any]:
    numbers = sorted({finding.cwe for finding in findings if finding.cwe})
    return {
        "name": "CWE",
        "organization": "MITRE",
        "informationUri": "https://cwe.mitre.org/",
        "shortDescription": {"text": "The MITRE Common Weakness Enumeration"},
        "taxa": [
            {"id": str(cwe), "name": weakness(cwe).name, "helpUri": weakness(cwe).url, "defaultConfiguration": {}}
            for cwe in numbers
        ],
    }


def _invocation(assessment: Assessment) -> dict[str, Any]:
    """A part that was not assessed is a notification, and the run as a whole did not succeed: silence is no pass."""
    gaps = [part for part in assessment.parts if part.state is PartState.NOT_ASSESSED]
    return {
        "executionSuccessful": not gaps,
        "endTimeUtc": f"{datetime.fromtimestamp(assessment.assessed, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"{part.report.part} was NOT ASSESSED: {part.why}"}} for part in gaps
        ],
    }


def _result(
    finding: Finding, baseline: str, waiver: str, order: dict[str, int], assessment: Assessment
) -> dict[str, Any]:
    told = {
        "ruleId": finding.rule,
        "ruleIndex": order[finding.rule],
        "level": _LEVELS[finding.severity],
        "kind": "fail" if finding.blocks else "review",
        "message": {"text": ". ".join(text for text in (finding.title, finding.reason, finding.fix) if text)},
        "locations": [_location(finding.spot, finding.code)],
        "partialFingerprints": {"pullet/v1": finding.fingerprint},
        "baselineState": baseline,
        "properties": {
            "severity": str(finding.severity),
            "basis": str(finding.basis),
            "engines": list(finding.engines),
            "holdsBack": baseline == "new" and holds_back(finding, assessment.fail_on),
        },
    }
    if not finding.blocks:
        told["level"] = "none"  # SARIF: only what fails has a level
    if waiver:
        told["suppressions"] = [{"kind": "external", "status": "accepted", "justification": waiver}]
    if finding.trace:
        steps = [{"location": _location(spot, "")} for spot in finding.trace]
        told["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return told


def _location(spot: Spot, code: str) -> dict[str, Any]:
    if spot.url:
        return {"physicalLocation": {"artifactLocation": {"uri": "/"}}, "message": {"text": spot.url}}
    uri = quote(spot.path.encode("utf-8", "surrogateescape"))
    place: dict[str, Any] = {"artifactLocation": {"uri": uri or ".", "uriBaseId": "%SRCROOT%"}}
    if spot.line:
        snippet = {"snippet": {"text": code}} if code else {}
        place["region"] = {"startLine": spot.line, "endLine": max(spot.end_line, spot.line), **snippet}
    return {"physicalLocation": place}
