"""What people have looked at by hand: ticks in git, with a date."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pullet.analysis.security.asvs import REQUIREMENTS, Standing, standing
from pullet.analysis.security.categories import categories, categories_2021
from pullet.analysis.security.declarations import declarations
from pullet.analysis.security.judging import Yardstick, judge
from pullet.analysis.security.review import BY_HAND, REVIEW_FILE, about_ticks, parse_review, valid
from pullet.analysis.security.top_ten import NAMES_2025
from pullet.analysis.security.waivers import WAIVERS_FILE, example
from pullet.analysis.security.weaknesses import WEAKNESSES
from pullet.domain.errors import ConfigError
from pullet.domain.security import (
    Assessed,
    Assessment,
    Basis,
    Earlier,
    EngineReport,
    Finding,
    PartState,
    Severity,
    Spot,
)
from pullet.operations import telling
from pullet.operations.assessment_page import html

ENTRY = """
[[reviewed]]
requirement = "8.2.1"
by = "Ada"
on = 2026-11-20
evidence = "each role on each view"
expires = 2027-11-20
"""
TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()


def assessed(text: str) -> Assessment:
    said = declarations({REVIEW_FILE: text.encode()})
    return judge("main", (), (), Yardstick(Severity.HIGH, "", {}, said), NOW)


def test_a_tick_stands_in_its_category() -> None:
    rows = {row.id: row for row in categories(assessed(ENTRY))}
    assert rows.keys() == NAMES_2025.keys() == BY_HAND.keys()
    assert rows["A01"].ticked == 1
    assert next(each.tick for each in rows["A01"].by_hand if each.tick).by == "Ada"
    assert sum(row.ticked for row in rows.values()) == 1
    assert len(categories_2021(assessed(ENTRY))) == 10


def test_an_old_tick_counts_no_more_and_is_told() -> None:
    old = ENTRY.replace("2026-11-20", "2025-11-20").replace("2027-11-20", "2026-01-01")
    assessment = assessed(old)
    assert assessment.reviewed == ()
    assert [(finding.rule, finding.spot.line, finding.blocks) for finding in assessment.new] == [
        ("review/expired", 2, False)
    ]
    assert not any(row.found for row in categories(assessment)), "a chore is no weakness of the app"
    assert about_ticks(parse_review(old + ENTRY), TODAY) == (), "somebody has looked again"
    assert len(about_ticks(parse_review(old + old), TODAY)) == 1, "told once"
    assert len(valid(parse_review(ENTRY), TODAY)) == 1


def test_a_tick_ahead_of_its_day_counts_not_yet() -> None:
    assessment = assessed(ENTRY.replace("on = 2026-11-20", "on = 2026-11-25"))
    assert (assessment.reviewed, [finding.rule for finding in assessment.new]) == ((), ["review/ahead"])


@pytest.mark.parametrize(("on", "expires"), [("2026-11-20", "2027-11-20"), ("9999-12-30", "9999-12-31")])
def test_a_tick_without_an_end_holds_a_year(on: str, expires: str) -> None:
    text = "\n".join(line for line in ENTRY.replace("2026-11-20", on).splitlines() if "expires" not in line)
    assert parse_review(text)[0].expires == expires


def test_every_requirement_named_anywhere_is_one_of_asvs() -> None:
    assert len(REQUIREMENTS) == 345
    assert {number for rows in BY_HAND.values() for number, _ in rows} <= REQUIREMENTS
    named = {number.removeprefix("v5.0.0-") for each in WEAKNESSES.values() for number in each.asvs}
    assert named <= REQUIREMENTS


def test_each_requirement_is_counted_once_and_only_where_somebody_looked() -> None:
    assert standing(assessed("")) == Standing(0, 0, 345)
    both = ENTRY + ENTRY.replace("8.2.1", "1.2.4")
    said = declarations({REVIEW_FILE: both.encode()})
    reports = (EngineReport("flow", checked=(89, 78)), EngineReport("live", gap="it was killed", checked=(79,)))
    assert standing(judge("main", reports, (), Yardstick(Severity.HIGH, "", {}, said), NOW)) == Standing(2, 1, 342)


def test_a_known_vulnerability_has_its_place_in_either_list() -> None:
    found = Finding("advisory/x", 1395, Severity.HIGH, Basis.ADVISORY, "old", Spot("uv.lock"))
    report = EngineReport("dependencies", (found,), checked=(1395,))
    assessment = judge("main", (report,), (), Yardstick(Severity.HIGH, "", {}), NOW)
    for rows, category in ((categories(assessment), "A03"), (categories_2021(assessment), "A06")):
        assert [(row.id, row.looked_for, row.by) for row in rows if row.found] == [(category, 1, ("dependencies",))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[reviewed]\n", "not TOML"),
        ("[other]\n", "nothing else"),
        ("reviewed = 3\n", "nothing else"),
        (ENTRY.replace("8.2.1", "99.1.1"), "no requirement '99.1.1'"),
        (ENTRY.replace('by = "Ada"', ""), 'needs by = "…"'),
        (ENTRY.replace("2026-11-20", '"2026-11-20"'), "a date without quotes"),
        (ENTRY.replace("expires = 2027-11-20", "expires = 2027-11-20T10:00:00"), "a date without quotes"),
        (ENTRY.replace("2027-11-20", "2026-11-19"), "not before 2026-11-20"),
        (ENTRY + "more = 1\n", "unknown key 'more'"),
        ("# " + "x" * (1 << 18), "longer than"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_ticks_nothing(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_review(text)
    said = declarations({REVIEW_FILE: text.encode(), WAIVERS_FILE: example().encode()})
    assert (said.ticks, told in said.tick_trouble, said.waiver_trouble) == ((), True, "")
    assert len(said.waivers) == 1, "a mistake in one file leaves the other as it is"
    assert assessed(text).state is PartState.NOT_ASSESSED


def test_the_page_shows_ticks_bill_and_releases() -> None:
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"licenses": [{"license": {"name": "License :: OSI Approved :: <b>MIT</b>"}}]}, {}],
    }
    assessment = replace(assessed(ENTRY), document=json.dumps(bill))
    page = html(Assessed("shop", 3, assessment, (Earlier(2, assessed("")), Earlier(1, assessed("")))))
    for text in (
        "✓",
        "each role on each view",
        "2 packages",
        "&lt;b&gt;MIT&lt;/b&gt;",
        "not told",
        "All of 2021",
        "Release 2: 0",
        "1 is\nticked",
        "344 nobody",
    ):
        assert text in page, text
    assert "<b>MIT" not in page
    assert telling.data(Assessed("shop", 3, assessment))["reviewed"][0]["requirement"] == "8.2.1"


@pytest.mark.parametrize("document", ["", "{}", "[]", '{"components": 3}', '{"components": [3], "bomFormat": "x"}'])
def test_a_bill_that_cannot_be_read_is_left_out(document: str) -> None:
    assert "What it is made of" not in html(Assessed("shop", 1, replace(assessed(""), document=document)))
