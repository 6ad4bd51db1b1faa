"""Reports that other tools wrote, as findings: SARIF 2.1.0, ZAP's and Dependency-Check's JSON. Nothing is dropped.

What such a report says is not checked by Pullet: its code findings are patterns, for review. What ZAP is sure of is an
answer of a running app, and counts as one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pullet.domain.security import Basis, Finding, Severity, Spot

_TEXT = 600  # characters of each text
_FINDINGS = 5000  # of a report; more are refused, not dropped
_CWE = re.compile(r"cwe[-/_: ]*0*(\d{1,5})", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,200}>")
_VULNERABLE_PART = 1395
_SURE = 2  # ZAP's confidence: medium
_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW, "none": Severity.NOTE}
_RISKS = {"3": Severity.HIGH, "2": Severity.MEDIUM, "1": Severity.LOW, "0": Severity.NOTE}


class UnknownReport(Exception):
    """It is no report of a kind that is read, or not a whole one."""


@dataclass(frozen=True)
class Imported:
    tool: str
    findings: tuple[Finding, ...]


def read_report(report: Any) -> Imported:
    """`report`: what its JSON says. Raises UnknownReport."""
    for key, read in _READERS.items():
        if isinstance(report, dict) and key in report:
            try:
                tool, found = read(report)
                findings = tuple(found)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as err:
                raise UnknownReport(f"it is not as its kind of report should be: {err!r}"[:200]) from err
            if len(findings) > _FINDINGS:
                raise UnknownReport(f"it has more than {_FINDINGS} findings")
            return Imported(tool, findings)
    raise UnknownReport("it is neither SARIF nor a JSON report of ZAP or Dependency-Check")


def _sarif(report: Mapping[str, Any]) -> tuple[str, Iterator[Finding]]:
    runs = list(report["runs"])
    names = (_text(run["tool"]["driver"]["name"]) for run in runs)
    return ", ".join(dict.fromkeys(names)) or "SARIF", (each for run in runs for each in _run(run))


def _run(run: Mapping[str, Any]) -> Iterator[Finding]:
    driver = run["tool"]["driver"]
    rules = {rule["id"]: rule for rule in driver.get("rules", ())}
    for result in run.get("results") or ():
        index = result.get("ruleIndex", -1)
        listed = driver.get("rules", [])[index] if index >= 0 else {}
        name = str(result.get("ruleId") or listed.get("id") or "unnamed")
        rule = rules.get(name) or listed
        cwe = _cwe(_tags(rule), _tags(result), rule.get("relationships", ()), name)
        yield Finding(
            rule=f"{_word(driver['name'])}/{name[:100]}",
            cwe=cwe,
            severity=_level(rule, result),
            basis=Basis.PATTERN,
            title=_text(_message(rule.get("shortDescription")) or _message(result["message"])),
            spot=_place(result),
            reason=_reason(cwe),
            exploit=_text(_message(result["message"])),
            fix=_text(_message(rule.get("help"))),
            references=tuple(str(each) for each in [rule.get("helpUri")] if each),
        )


def _tags(holder: Mapping[str, Any]) -> Sequence[Any]:
    properties = holder.get("properties", {})
    return [*properties.get("tags", ()), properties.get("cwe", "")]


def _cwe(*told: object) -> int:
    found = _CWE.search(str(told))
    return int(found[1]) if found else 0


def _level(rule: Mapping[str, Any], result: Mapping[str, Any]) -> Severity:
    score = rule.get("properties", {}).get("security-severity")
    if score is not None:
        return _scored(float(score))
    configured = rule.get("defaultConfiguration", {}).get("level", "warning")
    return _LEVELS.get(str(result.get("level", configured)), Severity.MEDIUM)


def _scored(score: float) -> Severity:
    """By the bands of CVSS."""
    bands = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
    return next((severity for least, severity in bands if score >= least), Severity.NOTE)


def _message(message: Mapping[str, Any] | None) -> str:
    return str((message or {}).get("text") or (message or {}).get("markdown") or "")


def _place(result: Mapping[str, Any]) -> Spot:
    for location in result.get("locations", ()):
        physical = location.get("physicalLocation", {})
        region = physical.get("region", {})
        path = unquote(urlsplit(str(physical.get("artifactLocation", {}).get("uri", ""))).path)
        line = int(region.get("startLine", 0))
        return Spot(path.lstrip("/").removeprefix("./"), line, int(region.get("endLine", line)))
    return Spot()


def _zap(report: Mapping[str, Any]) -> tuple[str, Iterator[Finding]]:
    sites = report["site"] if isinstance(report["site"], list) else [report["site"]]
    return "ZAP", (found for site in sites for alert in site.get("alerts", ()) for found in _alert(alert))


def _alert(alert: Mapping[str, Any]) -> Iterator[Finding]:
    cwe = max(0, int(alert.get("cweid") or 0))
    instances: Sequence[Mapping[str, Any]] = alert.get("instances") or ({},)
    for instance in instances:
        where = urlsplit(str(instance.get("uri", "")))
        yield Finding(
            rule=f"zap/{str(alert.get('pluginid', 'unnamed'))[:20]}",
            cwe=cwe,
            severity=_RISKS.get(str(alert.get("riskcode")), Severity.MEDIUM),
            basis=Basis.RESPONSE if int(alert.get("confidence") or 0) >= _SURE else Basis.PATTERN,
            title=_text(str(alert.get("name") or alert["alert"])),
            spot=Spot(url=f"{instance.get('method') or 'GET'} {where.path or '/'}"[:_TEXT]),
            reason=_reason(cwe),
            exploit=_plain(alert.get("desc")),
            fix=_plain(alert.get("solution")),
            code=_text(instance.get("evidence")),
            sink=_text(instance.get("param")),
            references=tuple(re.findall(r"https?://[^\s<>\"]+", str(alert.get("reference", "")))[:5]),
        )


def _dependency_check(report: Mapping[str, Any]) -> tuple[str, Iterator[Finding]]:
    return "Dependency-Check", (
        _vulnerability(dependency, each)
        for dependency in report["dependencies"]
        for each in dependency.get("vulnerabilities") or ()
    )


def _vulnerability(dependency: Mapping[str, Any], told: Mapping[str, Any]) -> Finding:
    packages: Sequence[Mapping[str, Any]] = dependency.get("packages") or ({},)
    package = _text(packages[0].get("id") or dependency["fileName"])
    name, weaknesses = _text(told["name"]), ", ".join(map(str, told.get("cwes") or ())) or "none"
    score = (told.get("cvssv3") or {}).get("baseScore", (told.get("cvssv2") or {}).get("score"))
    named = str(told.get("severity", "")).lower()
    known = next((each for each in Severity if each == named), Severity.MEDIUM)
    return Finding(
        rule=f"dependency-check/{name}",
        cwe=_VULNERABLE_PART,
        severity=_scored(float(score)) if score is not None else known,
        basis=Basis.ADVISORY,
        title=f"{package} has the vulnerability {name}",
        spot=Spot(_text(dependency.get("fileName"))),
        reason=f"As Dependency-Check scores it; weaknesses that it names: {weaknesses}.",
        exploit=_plain(told.get("description")),
        fix="Take a version without it; the report names none.",
        sink=package,
        identity=f"{package} {name}",
        references=tuple(str(each["url"]) for each in told.get("references", ())[:5] if each.get("url")),
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, Iterator[Finding]]]] = {
    "runs": _sarif,
    "site": _zap,
    "dependencies": _dependency_check,
}


def _reason(cwe: int) -> str:
    return "As the report says." if cwe else "As the report says, which names no CWE: its place in the Top Ten is open."


def _plain(text: object) -> str:
    return _text(_TAG.sub(" ", str(text or "")[: 8 * _TEXT]))


def _text(text: object) -> str:
    return " ".join(html.unescape(str(text or ""))[: 4 * _TEXT].split())[:_TEXT]


def _word(name: object) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", str(name).lower()).strip("-")[:40] or "sarif"
