"""Reports of other tools become findings; none is dropped, and what is no report is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pullet.analysis.security.imports import Imported, UnknownReport, read_report
from pullet.domain.security import Basis, Severity, Spot


def sarif(rule: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    driver = {"name": "Some Tool", "rules": [{"id": "R1", **rule}]}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": [result]}]}


RESULT = {
    "ruleId": "R1",
    "message": {"text": "It is so."},
    "locations": [
        {"physicalLocation": {"artifactLocation": {"uri": "./a%20b/c.py"}, "region": {"startLine": 3, "endLine": 4}}}
    ],
}


def test_sarif_says_where_and_of_which_class() -> None:
    rule = {"properties": {"tags": ["external/cwe/cwe-089"], "security-severity": "9.8"}, "helpUri": "https://e.org/"}
    (found,) = read_report(sarif(rule, RESULT)).findings
    assert (found.rule, found.cwe, found.severity, found.basis) == (
        "some-tool/R1",
        89,
        Severity.CRITICAL,
        Basis.PATTERN,
    )
    assert found.spot == Spot("a b/c.py", 3, 4)
    assert found.references == ("https://e.org/",)
    assert not found.blocks


@pytest.mark.parametrize(
    ("rule", "result", "severity"),
    [
        ({}, {"level": "error"}, Severity.HIGH),
        ({}, {}, Severity.MEDIUM),
        ({"defaultConfiguration": {"level": "note"}}, {}, Severity.LOW),
        ({"properties": {"security-severity": "0.0"}}, {"level": "error"}, Severity.NOTE),
        ({"properties": {"security-severity": "7.0"}}, {}, Severity.HIGH),
    ],
)
def test_sarif_severity(rule: dict[str, Any], result: dict[str, Any], severity: Severity) -> None:
    (found,) = read_report(sarif(rule, {**RESULT, **result})).findings
    assert found.severity is severity


def test_a_finding_without_a_cwe_is_kept_and_says_so() -> None:
    (found,) = read_report(sarif({}, {"ruleIndex": 0, "message": {"text": "Somewhere."}})).findings
    assert (found.rule, found.cwe, found.spot) == ("some-tool/R1", 0, Spot())
    assert "names no CWE" in found.reason


ALERT = {
    "pluginid": "40012",
    "alert": "Reflected",
    "riskcode": "3",
    "confidence": "2",
    "cweid": "79",
    "desc": "<p>A &amp; B</p>",
    "solution": "<p>Escape.</p>",
    "reference": "<p>https://example.org/a</p><p>https://example.org/b</p>",
    "instances": [
        {"uri": "https://shop.example.org/q?a=1", "method": "POST", "param": "a", "evidence": "<script>"},
        {"uri": "https://shop.example.org", "param": "b"},
    ],
}


def test_each_instance_of_zaps_alert_is_a_finding() -> None:
    one, other = read_report({"@version": "2.16", "site": [{"@name": "x", "alerts": [ALERT]}]}).findings
    assert (one.rule, one.cwe, one.severity, one.basis) == ("zap/40012", 79, Severity.HIGH, Basis.RESPONSE)
    assert (one.spot.url, other.spot.url, one.sink) == ("POST /q", "GET /", "a")
    assert (one.exploit, one.fix, one.code) == ("A & B", "Escape.", "<script>")
    assert one.references == ("https://example.org/a", "https://example.org/b")
    assert one.blocks


@pytest.mark.parametrize("confidence", ["0", "1", None])
def test_what_zap_doubts_is_for_review(confidence: str | None) -> None:
    alert = {**ALERT, "confidence": confidence, "cweid": "-1", "instances": []}
    (found,) = read_report({"site": {"alerts": [alert]}}).findings
    assert (found.basis, found.cwe, found.blocks) == (Basis.PATTERN, 0, False)


def test_a_vulnerability_of_dependency_check() -> None:
    told = {
        "name": "CVE-2022-28346",
        "severity": "CRITICAL",
        "cwes": ["CWE-89"],
        "description": "SQL.",
        "references": [],
    }
    dependency = {"fileName": "Django:3.2.0", "packages": [{"id": "pkg:pypi/django@3.2.0"}], "vulnerabilities": [told]}
    report = {"reportSchema": "1.1", "dependencies": [{"fileName": "clean"}, dependency]}
    (found,) = read_report(report).findings
    assert (found.cwe, found.severity, found.basis) == (1395, Severity.CRITICAL, Basis.ADVISORY)
    assert found.sink == "pkg:pypi/django@3.2.0"
    assert "CWE-89" in found.reason
    assert not found.blocks, "it names no version without it"


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        {},
        {"runs": 3},
        {"runs": [{}]},
        {"runs": [{"tool": {"driver": {"name": "a"}}, "results": [{}]}]},
        {"site": [None]},
        {"site": [{"alerts": [{"cweid": "x"}]}]},
        {"dependencies": [{"vulnerabilities": [{}], "fileName": "a"}]},
        sarif({"properties": {"security-severity": "bad"}}, RESULT),
        {"site": [{"alerts": [ALERT] * 2501}]},
    ],
)
def test_what_is_no_whole_report_is_refused(report: object) -> None:
    with pytest.raises(UnknownReport):
        read_report(report)


def test_an_empty_report_has_no_findings() -> None:
    report = {"runs": [{"tool": {"driver": {"name": "a"}}, "results": []}]}
    assert read_report(report) == Imported("a", ())
