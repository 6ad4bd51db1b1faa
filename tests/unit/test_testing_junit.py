"""JUnit's XML, friendly and hostile, and back."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from pullet.analysis.testing.junit import fits, junit_xml, merged, read_junit
from pullet.domain.errors import MalformedData
from pullet.domain.testing import Case, Column, Result, Status, Tested


def test_rows_are_read_wherever_they_stand() -> None:
    text = """<?xml version="1.0" encoding="latin-1"?>
    <testsuites><testsuite name="a"><testsuite>
      <testcase classname="cart" name="total" time="1,234.5"/>
      <testcase classname="cart" name="wrong" file="cart.py" line="7"><failure message="1 &lt; 2">trace
more</failure><system-out>noise</system-out></testcase>
      <testcase name="till"><error>no till</error></testcase>
      <testcase name="scales"><skipped message="none here"/></testcase>
      <testcase name="both"><failure message="first"/><error message="then"/><skipped/></testcase>
    </testsuite></testsuite></testsuites>"""
    assert read_junit(text) == (
        Result(Case("cart.total"), Status.PASS, 1234.5),
        Result(Case("cart.wrong", "cart.py", 7), Status.FAIL, 0.0, "1 < 2\ntrace\nmore"),
        Result(Case("till"), Status.ERROR, 0.0, "no till"),
        Result(Case("scales"), Status.SKIP, 0.0, "none here"),
        Result(Case("both"), Status.ERROR, 0.0, "then"),
    )


_BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no XML"),
        ("<testsuite>", "no XML"),
        ("nothing of the kind", "no XML"),
        ("<testsuite/><testsuite/>", "no XML"),
        ("<testsuite>\ud800</testsuite>", "no XML"),
        ("<testsuite>\x00</testsuite>", "no XML"),
        ("<testsuite>&undefined;</testsuite>", "no XML"),
        (_BOMB, "document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>', "document type"),
        ("<a>" * 60 + "</a>" * 60, "levels"),
        ("<t>" + "<testcase name='a'/>" * 100_002 + "</t>", "rows"),
        ("<t>" + " " * (17 << 20) + "</t>", "more than"),
    ],
)
def test_what_is_hostile_is_refused(text: str, why: str) -> None:
    with pytest.raises(MalformedData, match=why):
        read_junit(text)


def test_what_is_long_is_cut() -> None:
    text = f"<t><testcase name='{'n' * 5000}'><failure message='{'m' * 50_000}'>{'b' * 50_000}</failure></testcase></t>"
    (row,) = read_junit(text)
    assert len(row.case.id) == 1000
    assert len(row.message) <= 8000


def test_odd_numbers_count_nothing() -> None:
    for time, line in (("nan", "-1"), ("1e999", "1" * 20), ("-5", "x"), ("", "")):
        (row,) = read_junit(f"<t><testcase name='a' time='{time}' line='{line}'/></t>")
        assert (row.duration, row.case.line) == (0.0, 0)


def test_of_one_test_in_several_files_the_worst_counts() -> None:
    good, bad = Result(Case("a"), Status.PASS), Result(Case("a"), Status.FAIL)
    assert merged(((good,), (bad,), (good,))) == (bad,)


@pytest.mark.parametrize(
    ("path", "pattern", "does"),
    [
        ("reports/a.xml", "reports/*.xml", True),
        ("reports/b/a.xml", "reports/*.xml", False),
        ("reports/b/a.xml", "reports/**/*.xml", True),
        ("reports/a.xml", "reports/**/*.xml", True),
        ("a.xml", "**", True),
        ("a/TEST-1.xml", "**/TEST-?.xml", True),
        ("areports/a.xml", "reports/*.xml", False),
        ("a" * 200 + "/b", "*a*a*a*a*a*a*a*c/b", False),
    ],
)
def test_patterns(path: str, pattern: str, does: bool) -> None:
    assert fits(path, pattern) is does


def test_what_is_written_can_be_read() -> None:
    results = (
        Result(Case("tests/test_a.py::Cart::test_one", "tests/test_a.py", 3), Status.PASS, 0.25),
        Result(Case("tests/test_a.py::test_wrong[<&\"'\x1b]]>]"), Status.FAIL, 0.5, "E  a\x00 < b & ]]> \ud800"),
        Result(Case("tests/test_a.py::test_slow"), Status.TIMEOUT, 60.0, "too long"),
        Result(Case("tests/test_a.py::test_here"), Status.SKIP, 0.0, "not here"),
        Result(Case("tests/test_a.py::test_known"), Status.FAIL, 0.0, "as ever", expected=(Status.FAIL,)),
        Result(Case("tests/test_a.py::test_mended"), Status.PASS, 0.0, "", expected=(Status.FAIL,)),
    )
    column = Column("cpython", results=results, duration=61.0)
    text = junit_xml(Tested("main", 0.0, (column, Column("node", trouble="No Node", hint="Install it."))))
    rows = {row.case.id: row for row in read_junit(text)}
    assert rows["cpython.tests.test_a.py.Cart.test_one"].case == Case(
        "cpython.tests.test_a.py.Cart.test_one", "tests/test_a.py", 3
    )
    statuses = [row.status for row in rows.values()]
    assert statuses == [Status.PASS, Status.FAIL, Status.ERROR, Status.SKIP, Status.SKIP, Status.FAIL, Status.ERROR]
    assert "PASS, expected FAIL" in rows["cpython.tests.test_a.py.test_mended"].message
    assert rows["node.node"].message == "No Node\nInstall it."
    first, second = ET.fromstring(text)
    assert (first.attrib["tests"], first.attrib["failures"], first.attrib["errors"]) == ("6", "2", "1")
    assert (second.attrib["tests"], second.attrib["errors"]) == ("1", "1")
