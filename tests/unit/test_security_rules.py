"""Every rule of ruff's security group is explained, or left out with a reason."""

from __future__ import annotations

import json
import subprocess

import pytest

from pullet.analysis.security.rules import LEFT_OUT, RULES, fix_for
from pullet.analysis.security.served import NotServed
from pullet.drivers.security.workbench import program


def security_rules() -> set[str]:
    done = subprocess.run(
        (str(program("ruff")), "rule", "--all", "--output-format", "json"), check=True, capture_output=True
    )
    codes = {str(rule["code"]) for rule in json.loads(done.stdout)}
    return {code for code in codes if code[:1] == "S" and code[1:].isdigit()}


def test_every_rule_is_explained_or_left_out_with_a_reason() -> None:
    there = security_rules()
    assert len(there) > 60
    assert there - set(RULES) - set(LEFT_OUT) == set()
    assert (set(RULES) | set(LEFT_OUT)) - there == set(), "no longer there"
    assert set(RULES) & set(LEFT_OUT) == set()
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_what_is_wrong_how_it_is_used_and_what_to_write_instead(rule: object) -> None:
    told = vars(rule)
    assert all(told.values()), told
    assert all(told[each].endswith((".", ")", "]")) for each in ("exploit", "fix"))
    assert not told["title"].endswith(".")


@pytest.mark.parametrize(
    ("code", "frameworks", "text"),
    [
        ("S608", {"django"}, "ORM"),
        ("S608", {"fastapi"}, "text("),
        ("S608", set(), "parameters"),
        ("S308", {"django"}, "format_html"),
        ("S704", {"flask"}, "render_template"),
        ("S113", {"django"}, "timeout"),
    ],
)
def test_the_fix_is_that_of_the_framework(code: str, frameworks: set[str], text: str) -> None:
    assert text in fix_for(RULES[code], frozenset(frameworks))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/views.py", True),
        ("shop/tests/test_cart.py", True),
        ("conftest.py", True),
        ("shop/cart_test.py", True),
        ("shop/views.py", False),
        ("contests/views.py", False),
        ("latest.py", False),
        ("shop/testimonials.py", False),
        ("exams/tests/views.py", False),
        ("tests/odd\nname.py", True),
    ],
)
def test_a_test_is_known_by_its_name_or_by_its_neighbours(path: str, expected: bool) -> None:
    files = ("tests/unit/test_a.py", "shop/tests/conftest.py", "exams/tests/tests.py", "shop/views.py")
    assert NotServed((*files, path)).has(path) is expected
