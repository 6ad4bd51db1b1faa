"""The tables behind findings: nothing that an engine names is missing, and nothing in them is made up."""

import json
import re

from pullet.analysis.security import advisories, leaks
from pullet.analysis.security.categories import categories
from pullet.analysis.security.flow.kinds import CWES as FLOW
from pullet.analysis.security.judging import Yardstick, judge
from pullet.analysis.security.live.rules import CWES as LIVE
from pullet.analysis.security.rules import RULES
from pullet.analysis.security.sarif import sarif
from pullet.analysis.security.settings import calls, checks
from pullet.analysis.security.top_ten import TOP_TEN_2021, TOP_TEN_2025
from pullet.analysis.security.weaknesses import WEAKNESSES, weakness
from pullet.domain.codec import dumps, loads
from pullet.domain.security import Assessed, Assessment, Basis, Coverage, EngineReport, Finding, Severity, Spot
from pullet.drivers.security.configuration import CWES as CONFIGURATION
from pullet.operations import telling
from pullet.operations.assessment_page import html

ALL = {
    *(rule.cwe for rule in RULES.values()),
    *FLOW,
    *CONFIGURATION,
    *advisories.CWES,
    *leaks.CWES,
    *LIVE,
    693,  # waivers
}


def test_every_cwe_that_an_engine_names_is_explained() -> None:
    assert ALL - WEAKNESSES.keys() == set()


def test_every_check_of_settings_is_declared_as_looked_for() -> None:
    own = {
        check.cwe for module in (calls, checks) for check in vars(module).values() if isinstance(check, checks.Check)
    }
    tables = {check.cwe for check, *_ in checks._DJANGO} | {check.cwe for _, check in checks._MIDDLEWARE}
    assert own | tables | {check.cwe for check in calls.CHECKS} == set(CONFIGURATION)


def test_the_top_ten_has_as_many_weaknesses_as_owasp_says() -> None:
    assert (len(TOP_TEN_2021), len(TOP_TEN_2025)) == (196, 249)
    assert (TOP_TEN_2021[89], TOP_TEN_2025[89], TOP_TEN_2025[918]) == ("A03", "A05", "A01")
    assert 1336 not in {**TOP_TEN_2021, **TOP_TEN_2025}
    assert weakness(1336).category == "outside the Top Ten"


def test_requirements_and_sheets_are_formed_as_theirs() -> None:
    for each in WEAKNESSES.values():
        assert all(re.fullmatch(r"v5\.0\.0-\d{1,2}\.\d\.\d{1,2}", requirement) for requirement in each.asvs), each
        assert all(re.fullmatch(r"https://[\w./-]+_Cheat_Sheet\.html", sheet) for sheet in each.cheat_sheets), each


HOSTILE = "<script>alert(1)</script>\x1b[31m\n"
FINDING = Finding(
    "flow/sql", 89, Severity.CRITICAL, Basis.TRACE, f"Input {HOSTILE}",
    Spot(f"a{HOSTILE}\udcff.py", 3, 3, "", "a" * 40, HOSTILE), sink="execute",
    exploit=HOSTILE, fix=HOSTILE, code=HOSTILE, trace=(Spot("app.py", 1),),
    references=("https://example.org/x", "javascript:alert(1)"),
)  # fmt: skip


def assessment() -> Assessment:
    reports = (
        EngineReport("flow", (FINDING,), (Coverage("files", 1, 1),), checked=(89,)),
        EngineReport("secrets", gap=f"it was killed {HOSTILE}"),
        EngineReport("code", (), (Coverage("files", 0, 1, ((HOSTILE, "syntax"),)),)),
    )
    return judge(
        "main@sha1:1a2b3c4", reports, (("live", "no URL"),), Yardstick(Severity.HIGH, known={}), 1.8e9, ["flask"]
    )


def test_an_assessment_survives_the_way_to_text_and_back() -> None:
    assert loads(Assessment, dumps(assessment())) == assessment()


def test_hostile_names_neither_break_a_page_nor_drive_a_terminal() -> None:
    found = Assessed("shop", 3, assessment())
    page = html(found)
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert "NOT ASSESSED" in page.upper()
    told = telling.text(found, lambda text, *_, **__: text)
    assert "\x1b" not in told
    assert all(line.isprintable() for line in told.splitlines())
    assert json.loads(telling.json_text(found))["parts"][1]["state"] == "not-assessed"


def test_sarif_says_what_was_not_looked_at() -> None:
    run = json.loads(sarif(assessment(), "1.0"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 2
    [result] = run["results"]
    assert result["ruleIndex"] == 0
    assert result["baselineState"] == "new"
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9%._/-]+", uri)
    assert result["codeFlows"]


def test_a_category_counts_only_what_ran_to_its_end() -> None:
    rows = {row.id: row for row in categories(assessment())}
    assert (rows["A05"].looked_for, rows["A05"].found) == (1, 1)
    assert sum(row.looked_for for row in rows.values()) == 1
    assert sum(row.there for row in rows.values()) == 249


def test_versions_are_compared_as_versions() -> None:
    record = (
        "id: X-1\naffected:\n- package: {name: a.B_c, ecosystem: PyPI}\n  ranges:\n  - type: ECOSYSTEM\n    events:\n"
    )
    events = '    - {introduced: "1.0"}\n    - {fixed: 3.2}\n    - {introduced: "4.0"}\n    - {last_affected: "4.1"}\n'
    [advisory] = advisories.parse_advisory("x.yaml", record + events)
    assert advisory.package == "a-b-c"
    held = {
        version: advisories.matches(advisory, version)
        for version in ("0.9", "1.0.0", "3.2.0", "3.2rc1", "3.10", "4.1.0", "4.1.1")
    }
    assert held == {
        "0.9": False,
        "1.0.0": True,
        "3.2.0": False,
        "3.2rc1": True,
        "3.10": False,
        "4.1.0": True,
        "4.1.1": False,
    }
    assert advisories.fixed_in([advisory], "1.5") == "3.2"
    assert advisories.fixed_in([advisory], "4.0") == ""
    assert advisories.parse_advisory("x.yaml", "id: X\nwithdrawn: 2024-01-01\n") == ()
