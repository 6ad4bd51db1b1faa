"""Which findings are one, which are new, and what holds a release back."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pullet.analysis.security.declarations import Declarations
from pullet.analysis.security.fingerprints import fingerprint, merged
from pullet.analysis.security.judging import Yardstick, counted, judge
from pullet.analysis.security.redacting import without_secrets
from pullet.analysis.security.waivers import Waiver, parse_waivers
from pullet.domain.errors import ConfigError
from pullet.domain.security import Assessment, Basis, Coverage, EngineReport, Finding, PartState, Severity, Spot

NOW = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
DEBUG = Finding(
    "flask/debug", 489, Severity.HIGH, Basis.CONFIGURATION, "Debug is on", Spot("app.py", 5, 5),
    sink="DEBUG", code="app.debug = True",
)  # fmt: skip
QUERY = Finding(
    "ruff/S608", 89, Severity.HIGH, Basis.PATTERN, "SQL from text", Spot("app.py", 9, 9), code="execute(f'{x}')",
    sink="execute", function="users",
)  # fmt: skip


def report(*findings: Finding, part: str = "code", **more: object) -> EngineReport:
    return EngineReport(part, tuple(findings), **more)  # type: ignore[arg-type]


def assess(*reports: EngineReport, **yardstick: object) -> Assessment:
    given: dict[str, object] = {"fail_on": Severity.HIGH, "known": {}, **yardstick}
    return judge("main@sha1:1a2b3c4", reports, (), Yardstick(**given), NOW)  # type: ignore[arg-type]


def state(assessment: Assessment, part: str = "code") -> PartState:
    return next(each.state for each in assessment.parts if each.report.part == part)


def test_a_sure_finding_holds_back_and_a_pattern_never_does() -> None:
    assert assess(report(DEBUG)).state is PartState.HELD_BACK
    assert assess(report(QUERY)).state is PartState.PASSED
    assert assess(report(replace(DEBUG, severity=Severity.MEDIUM))).state is PartState.PASSED
    assert assess(report(replace(DEBUG, severity=Severity.MEDIUM)), fail_on=Severity.LOW).state is PartState.HELD_BACK


def test_a_vulnerability_without_a_fix_is_for_review() -> None:
    known = Finding("advisory/X", 1395, Severity.HIGH, Basis.ADVISORY, "idna", Spot("uv.lock"), identity="X")
    assert assess(report(known)).state is PartState.PASSED
    assert assess(report(replace(known, fixed_in="3.7"))).state is PartState.HELD_BACK


def test_the_first_assessment_sets_the_base_and_hides_nothing() -> None:
    first = assess(report(DEBUG), known=None)
    assert (first.state, first.new) == (PartState.PASSED, ())
    assert [finding.title for finding in first.known] == ["Debug is on"]
    assert assess(report(DEBUG), known=counted(first)).state is PartState.PASSED


def test_one_more_of_the_same_is_new() -> None:
    base = assess(report(DEBUG), known=None)
    twice = assess(report(DEBUG, replace(DEBUG, spot=Spot("other.py", 1, 1))), known=counted(base))
    assert (len(twice.new), len(twice.known)) == (1, 1)


@pytest.mark.parametrize(
    "gap",
    [
        {"gap": "gitleaks ended with -9"},
        {"coverage": (Coverage("files", 2, 3),)},
        {"coverage": (Coverage("files", 3, 3, (("a.py", "SyntaxError"),)),)},
    ],
)
def test_what_was_not_looked_at_is_never_passed(gap: dict[str, object]) -> None:
    assessment = assess(report(part="secrets", **gap), report(part="code"))
    assert state(assessment, "secrets") is PartState.NOT_ASSESSED
    assert assessment.state is PartState.NOT_ASSESSED
    assert assess(report(DEBUG), report(part="secrets", **gap)).state is PartState.HELD_BACK


def test_nothing_at_all_is_not_assessed() -> None:
    assert assess().state is PartState.NOT_ASSESSED


def test_two_engines_that_see_one_defect_tell_of_it_once() -> None:
    own = replace(DEBUG, engines=("configuration",), spot=Spot("shop/settings.py", 7, 7))
    framework = replace(DEBUG, rule="django/W018", engines=("framework",), spot=Spot(), code="", fix="Set it to False.")
    [one] = merged([framework, own])
    assert (one.spot.path, one.engines) == ("shop/settings.py", ("configuration", "framework"))
    ruff = replace(QUERY, engines=("code",))
    trace = replace(QUERY, rule="flow/sql", basis=Basis.TRACE, engines=("flow",), trace=(Spot("app.py", 8),))
    [two] = merged([ruff, trace])
    assert (two.basis, two.trace) == (Basis.TRACE, (Spot("app.py", 8),))


def test_two_findings_of_one_engine_in_a_line_are_two() -> None:
    first = replace(QUERY, engines=("code",))
    second = replace(first, sink="executemany")
    assert len(merged([first, second])) == 2


def test_a_fingerprint_outlives_a_move_and_not_a_change() -> None:
    moved = replace(QUERY, spot=Spot("shop/users.py", 90, 91), code="execute(f'{x}')  ")
    assert fingerprint(QUERY) == fingerprint(moved)
    assert fingerprint(QUERY) != fingerprint(replace(QUERY, code="execute(f'{y}')"))
    assert fingerprint(QUERY) != fingerprint(replace(QUERY, function="groups"))


def waiver(of: Finding, **more: object) -> Waiver:
    given = {"count": 1, "reason": "behind a login", "owner": "Ada", "expires": date(2027, 1, 1), "line": 1, **more}
    return Waiver(fingerprint(of), **given)  # type: ignore[arg-type]


def test_a_waiver_covers_as_many_as_it_says() -> None:
    twice = report(DEBUG, replace(DEBUG, spot=Spot("other.py", 1, 1)))
    assert assess(twice, said=Declarations((waiver(DEBUG),))).state is PartState.HELD_BACK
    both = assess(twice, said=Declarations((waiver(DEBUG, count=2),)))
    assert both.state is PartState.PASSED
    assert both.waived[0][1] == "behind a login (Ada, until 2027-01-01)"


def test_a_waiver_that_ended_is_a_finding_and_covers_nothing() -> None:
    assessment = assess(report(DEBUG), said=Declarations((waiver(DEBUG, expires=date(2026, 10, 1)),)))
    assert assessment.state is PartState.HELD_BACK
    assert "waivers/expired" in {finding.rule for finding in assessment.new}


def test_once_a_waiver_ends_what_it_covered_is_new() -> None:
    base = assess(report(DEBUG), said=Declarations((waiver(DEBUG),)))
    assert assess(report(DEBUG), known=counted(base)).state is PartState.HELD_BACK


def test_a_waiver_of_nothing_is_a_finding() -> None:
    assessment = assess(report(), said=Declarations((waiver(DEBUG),)))
    assert [finding.rule for finding in assessment.new] == ["waivers/stale"]


def test_waivers_that_cannot_be_read_are_not_assessed() -> None:
    assert state(assess(report(), said=Declarations(waiver_trouble="line 3: no")), "waivers") is PartState.NOT_ASSESSED


def test_files_that_need_not_be_read() -> None:
    old = Coverage("files", 9, 10, (("tests/data/py2.py", "invalid syntax"),))
    excused = Waiver("", 1, "for a parser", "Ada", date(2027, 1, 1), 1, path="tests/data/*.py")
    assessment = assess(report(coverage=(old,)), said=Declarations((excused,)))
    assert state(assessment) is PartState.PASSED
    assert assessment.parts[0].report.coverage[0].excused
    ended = replace(excused, expires=date(2026, 1, 1))
    assert state(assess(report(coverage=(old,)), said=Declarations((ended,)))) is PartState.NOT_ASSESSED


_WAIVER = """\
[[waiver]]
fingerprint = "0123456789abcdef"
reason = "behind a login"
owner = "Ada"
expires = 2027-01-01
"""


def test_a_waiver_as_it_is_written() -> None:
    text = _WAIVER + '\n[[unread]]\npath = "tests/data/*"\nreason = "old syntax"\nowner = "Ada"\nexpires = 2027-01-01\n'
    one, other = parse_waivers(text)
    assert (one.fingerprint, one.count, one.line) == ("0123456789abcdef", 1, 1)
    assert (other.path, other.line) == ("tests/data/*", 7)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('reason = "behind a login"\n', ""), "waivers.toml:1.*needs reason"),
        (("2027-01-01", '"2027-01-01"'), "date without quotes"),
        (("0123456789abcdef", "0123"), "16 hexadecimal digits"),
        (("owner", "woner"), "unknown key 'woner'"),
        (("[[waiver]]", "[waiver]"), "two brackets"),
        (("[[waiver]]", "[[waver]]"), "neither"),
        (('owner = "Ada"', 'owner = "Ada'), "not TOML"),
        (('owner = "Ada"', 'owner = "Ada"\ncount = 0'), "count is a number"),
    ],
)
def test_a_waiver_that_is_wrong_says_where_and_what(change: tuple[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_waivers(_WAIVER.replace(*change))


def test_a_secret_stays_out_of_what_is_kept() -> None:
    key = replace(DEBUG, cwe=321, code="app.config['SECRET_KEY'] = 'hunter2hunter2'")
    assert without_secrets(key).code == "app.config['SECRET_KEY'] = '…'"
    assert without_secrets(QUERY).code == QUERY.code
