"""What results of tests mean: expectations, comparisons, history, what a change can affect, and how it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.analysis.testing.comparing import compared, reasons_to_hold_back, slowdown
from pullet.analysis.testing.expectations import applied, expected_in, parse_expectations
from pullet.analysis.testing.history import flaky_by_history, history
from pullet.analysis.testing.ledger import Ledger
from pullet.analysis.testing.selecting import affected
from pullet.analysis.testing.wptreport import wptreport
from pullet.domain.codec import dumps, loads
from pullet.domain.errors import ConfigError, NotFound
from pullet.domain.testing import MESSAGE_LIMIT, Case, Column, Kept, KeptRun, Result, Status, Tested, shortened
from pullet.operations import telling_tests as telling

TODAY = date(2026, 11, 24)


def result(name: str, status: Status = Status.PASS, **more: object) -> Result:
    return Result(Case(f"test_a.py::{name}", "test_a.py", 1), status, 0.01, **more)  # type: ignore[arg-type]


def ran(*results: Result, column: str = "cpython", **more: object) -> Tested:
    return Tested("main@sha1:1a2b3c4", 1.8e9, (Column(column, "CPython 3.12", results, **more),))  # type: ignore[arg-type]


def names(changes: tuple[object, ...]) -> list[str]:
    return [change.test.partition("::")[2] for change in changes]  # type: ignore[attr-defined]


# -- the gate ------------------------------------------------------------------------------------------------------


def test_only_what_fails_newly_holds_back() -> None:
    before = ran(result("good"), result("bad", Status.FAIL), result("gone"), result("mended", Status.FAIL))
    now = ran(result("good", Status.FAIL), result("bad", Status.FAIL), result("new", Status.ERROR), result("mended"))
    found = compared(now, before)
    assert names(found.newly_failing) == ["good", "new"]
    assert names(found.still_failing) == ["bad"]
    assert names(found.newly_passing) == ["mended"]
    assert (names(found.new), names(found.gone)) == (["new"], ["gone"])
    assert reasons_to_hold_back(now, before) == (
        "FAIL cpython test_a.py::good",
        "ERROR cpython test_a.py::new",
    )


def test_without_a_base_every_failure_is_new() -> None:
    assert reasons_to_hold_back(ran(result("bad", Status.FAIL)), None)
    assert reasons_to_hold_back(ran(result("good")), None) == ()


@pytest.mark.parametrize("now", [Tested("x", 0.0), ran(), ran(result("good"), trouble="there is no browser")])
def test_what_did_not_run_is_no_pass(now: Tested) -> None:
    assert reasons_to_hold_back(now, ran(result("good")))
    assert not now.green


def test_both_outcomes_are_flaky_and_hold_nothing_back() -> None:
    wavering = result("w", Status.FAIL, again=(Status.PASS, Status.FAIL))
    assert reasons_to_hold_back(ran(wavering), ran(result("w"))) == ()
    assert names(compared(ran(wavering), ran(result("w"))).newly_flaky) == ["w"]
    sure = result("w", Status.FAIL, again=(Status.FAIL, Status.TIMEOUT))
    assert reasons_to_hold_back(ran(sure), ran(result("w")))


def test_a_column_is_compared_with_itself_only() -> None:
    now = Tested("x", 0.0, (*ran(result("a")).columns, *ran(result("a", Status.FAIL), column="chromium").columns))
    assert reasons_to_hold_back(now, ran(result("a"))) == ("FAIL chromium test_a.py::a",)


def test_a_runtime_is_slower_by_what_passed_in_both() -> None:
    reference = ran(result("a"), result("b"), result("c", Status.FAIL)).columns[0]
    slow = replace(reference, results=tuple(replace(each, duration=0.03) for each in reference.results))
    assert slowdown(slow, reference) == pytest.approx(3.0)
    assert slowdown(slow, None) is None


# -- expectations --------------------------------------------------------------------------------------------------

ENTRY = '[[expect]]\ntest = "test_a.py::zones[*]"\ncolumns = ["node"]\nstatus = ["FAIL", "ERROR"]\n'
ENTRY += 'reason = "no zones"\nexpires = 2027-06-30\n'


def test_an_expected_failure_holds_nothing_back_where_it_is_expected() -> None:
    expectations = parse_expectations(ENTRY)
    failing = result("zones[UTC]", Status.FAIL)
    told = applied(ran(failing, column="node"), expectations, TODAY)
    assert reasons_to_hold_back(told, None) == ()
    assert told.troubles == ()
    assert reasons_to_hold_back(applied(ran(failing), expectations, TODAY), None)
    assert expected_in("node", expectations, TODAY)(failing)
    assert not expected_in("node", expectations, TODAY)(result("zones[UTC]", Status.TIMEOUT))


def test_what_is_expected_and_does_not_happen_is_told() -> None:
    expectations = parse_expectations(ENTRY)
    told = applied(ran(result("zones[UTC]"), column="node"), expectations, TODAY)
    assert "ends otherwise" in told.troubles[0]
    assert reasons_to_hold_back(told, None), "it passes where a failure is expected: the entry has to go"
    assert "there is no test" in applied(ran(result("a"), column="node"), expectations, TODAY).troubles[0]
    assert applied(ran(result("a")), expectations, TODAY).troubles == (), "that column did not run"


def test_an_entry_that_has_expired_counts_no_more() -> None:
    old = parse_expectations(ENTRY.replace("2027", "2026"))
    told = applied(ran(result("zones[UTC]", Status.FAIL), column="node"), old, TODAY)
    assert reasons_to_hold_back(told, None)
    assert "expired" in told.troubles[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[expect]\n", "not TOML"),
        ("[other]\n", "nothing else"),
        (ENTRY.replace("FAIL", "MAYBE"), "'MAYBE' is no status"),
        (ENTRY.replace('reason = "no zones"\n', ""), "needs reason"),
        (ENTRY.replace("2027-06-30", '"soon"'), "a date without quotes"),
        (ENTRY + "more = 1\n", "unknown key 'more'"),
        (ENTRY.replace('["node"]', "[]"), "needs columns"),
    ],
)
def test_a_wrong_entry_says_where(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_expectations(text)


# -- history -------------------------------------------------------------------------------------------------------


def test_a_test_that_turns_with_equal_inputs_is_flaky() -> None:
    runs = [ran(result("a", status), inputs="same") for status in (Status.PASS, Status.FAIL)]
    assert flaky_by_history(runs) == {("cpython", "test_a.py::a")}
    changed = [replace(run, columns=(replace(run.columns[0], inputs=str(n)),)) for n, run in enumerate(runs)]
    assert flaky_by_history(changed) == frozenset()
    again = [ran(result("a", each), inputs=str(n)) for n, each in enumerate([Status.PASS, Status.FAIL] * 3)]
    assert flaky_by_history(again) == {("cpython", "test_a.py::a")}
    assert [point.result.status for point in history("test_a.py::a", runs)] == [Status.PASS, Status.FAIL]


# -- the ledger ----------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["PASS", "FAIL", "nothing"]), min_size=1, max_size=40), st.integers(1, 5))
def test_every_collected_test_ends_in_exactly_one_status(ends: list[str], files: int) -> None:
    ids = [f"test_{number % files}.py::t{number}" for number in range(len(ends))]
    ledger = Ledger()
    told = {"tests": [{"id": name, "path": name.split("::")[0], "line": 1} for name in ids]}
    ledger.collected(told)
    ledger.collected(told)
    dealt: list[str] = []
    while portion := ledger.deal():
        assert len({name.split("::")[0] for name in portion}) == 1
        dealt += portion
    assert sorted(dealt) == sorted(ids)
    for name, end in zip(ids, ends, strict=True):
        if end != "nothing":
            assert ledger.ended(name, Status(end), 0.1, "")
            assert not ledger.ended(name, Status.PASS, 0.1, ""), "the first verdict counts"
    ledger.close("nobody took it")
    results = ledger.results()
    assert [each.case.id for each in results] == ids
    assert [str(each.status) for each in results] == ["ERROR" if end == "nothing" else end for end in ends]


def test_a_stranger_gets_no_verdict() -> None:
    ledger = Ledger()
    ledger.collected({"tests": [], "errors": [{"id": "b.py", "message": "x" * 20_000}]})
    assert not ledger.ended("nobody", Status.PASS, 0.0, "")
    [broken] = ledger.results()
    assert (broken.status, len(broken.message) <= MESSAGE_LIMIT) == (Status.ERROR, True)
    assert len(shortened("y" * 100_000)) <= MESSAGE_LIMIT


# -- what a change can affect --------------------------------------------------------------------------------------

TEXTS = {
    "src/shop/__init__.py": "",
    "src/shop/cart.py": "from .prices import total\n",
    "src/shop/prices.py": "",
    "tests/test_cart.py": "from shop import cart\n",
    "tests/test_other.py": "import json\n",
    "tests/test_wrong.py": "def broken(:\n",
}


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        (["src/shop/prices.py"], ["tests/test_cart.py", "tests/test_wrong.py"]),
        (["tests/test_other.py"], ["tests/test_other.py", "tests/test_wrong.py"]),
        (["tests/conftest.py"], ["tests/test_cart.py", "tests/test_other.py", "tests/test_wrong.py"]),
        (["data.json"], ["tests/test_cart.py", "tests/test_other.py", "tests/test_wrong.py"]),
        ([], []),
    ],
)
def test_what_imports_what_has_changed_is_affected(changed: list[str], tests: list[str]) -> None:
    assert list(affected(TEXTS, changed)) == tests


# -- telling -------------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script>\x1b[31m"


def hostile() -> Tested:
    return ran(result(f"a[{HOSTILE}]", Status.FAIL, message=f"E  {HOSTILE}\n{HOSTILE}"), result("b"), trouble="")


def test_hostile_names_neither_break_a_page_nor_drive_a_terminal(tmp_path: Path) -> None:
    report = telling.Report("shop", hostile(), ran(result("b")), ran(result("b")), 3)
    assert "<script" not in telling.html(report)
    assert "\x1b" not in telling.text(report, lambda text, *_, **__: text)
    index, *_ = telling.site("shop", [(2, hostile()), (1, ran(result("b")))], tmp_path / "site")
    assert "<script" not in index.read_text()
    assert (tmp_path / "site" / "2.html").is_file()
    assert json.loads(telling.json_text(report))["changes"]["base"]["newly_failing"]


def test_the_page_of_thousands_of_tests_opens_only_what_failed() -> None:
    many = [replace(result(f"t{n}"), case=Case(f"test_{n % 30}.py::t{n}", f"test_{n % 30}.py", 1)) for n in range(3000)]
    page = telling.html(telling.Report("shop", ran(*many, result("bad", Status.FAIL))))
    assert page.count("<details open>") == 1
    assert len(page) < 3_000_000


def test_wptreport_says_what_was_expected_only_where_it_did_not_happen() -> None:
    flaky = result("w", Status.FAIL, again=(Status.PASS,))
    now = ran(result("a"), result("b", Status.TIMEOUT), flaky, result("c", Status.FAIL, expected=(Status.FAIL,)))
    told = {each["test"].partition("::")[2]: each for each in json.loads(wptreport(now, now.columns[0]))["results"]}
    assert {name: each.get("expected") for name, each in told.items()} == {
        "a": None,
        "b": "PASS",
        "w": "PASS",
        "c": None,
    }
    assert told["w"]["known_intermittent"] == ["FAIL", "PASS"]


def test_history_is_told_release_by_release() -> None:
    kept = Kept("shop", (KeptRun(2, ran(result("a", Status.FAIL))), KeptRun(1, ran(result("a")))))
    lines = telling.history_text("test_a.py::a", kept, lambda text, *_, **__: text).splitlines()
    assert [line.split()[0] for line in lines] == ["FAIL", "PASS"]
    with pytest.raises(NotFound):
        telling.history_text("nothing", kept, lambda text, *_, **__: text)
    assert telling.exit_code(telling.report_of(kept)) == 1


def test_results_survive_the_way_to_text_and_back() -> None:
    assert loads(Tested, dumps(hostile())) == hostile()
