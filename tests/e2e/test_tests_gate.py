"""A release's tests run before it takes traffic, in its own interpreter and in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pullet import Pullet
from tests.e2e.repositories import Repository

_NO_BROWSER = "there is no Chromium on this box"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason=_NO_BROWSER),
]

_APP = """
from flask import Flask

from prices import total

app = Flask(__name__)


@app.get("/")
def first():
    return f"{version} {total(1, 2)}"
"""
_TEST = """
import os
import sqlite3

from app import app


def test_first():
    assert app.test_client().get("/").text.endswith(" 3")


def test_services_are_its_own():
    with sqlite3.connect("data.db") as database:
        database.execute("create table probe (number integer)")
"""
_BROWSER = """
from prices import total


def test_total():
    assert total(1, 2) == 3
"""
_PRICES = "def total(*prices):\n    return sum(prices)\n"
_ONLY_HERE = """
import sys


def total(*prices):
    return 4 if sys.platform == "emscripten" else sum(prices)
"""
_GATES = """
[services.data]
type = "sqlite"
path = "data.db"

[gates.tests]
command = "pytest -q"

[gates.browser]
tests = "tests/browser"
"""


def shop(version: str, prices: str = _PRICES, **more: str) -> dict[str, str]:
    return {
        "app.py": _APP.replace("{version}", version),
        "prices.py": prices,
        "tests/unit/test_app.py": _TEST,
        "tests/browser/test_prices.py": _BROWSER,
        "requirements.txt": "flask==3.1.0\n",
        "requirements-dev.txt": "-r requirements.txt\npytest==9.0.1\n",
        "pytest.ini": "[pytest]\npythonpath = .\n",
        "pullet.toml": _GATES,
        **more,
    }


@pytest.fixture
def pullet() -> Iterator[Pullet]:
    one = Pullet()
    try:
        yield one
    finally:
        left = one.close()
    assert not left


def settled(pullet: Pullet, revision: str) -> Any:
    pullet.run("sync", "shop", limit=240)
    newest = pullet.deployments("shop")[0]
    assert newest["revision"]["sha"] == revision
    return newest


def cells(pullet: Pullet, release: int) -> dict[tuple[str, str], str]:
    """(column, test) -> status."""
    found = json.loads(pullet.run("tests", "shop", "--release", str(release), "--format", "json").out)
    return {(each["name"], one["id"]): one["status"] for each in found["columns"] for one in each["results"]}


def test_what_breaks_in_the_browser_only_is_held_back(pullet: Pullet) -> None:
    repository = Repository(pullet.root / "shop")
    repository.commit(shop("one"))
    pullet.up(repository)
    assert pullet.get("shop") == (200, "one 3")
    assert cells(pullet, 1) == {
        ("cpython", "tests/unit/test_app.py::test_first"): "PASS",
        ("cpython", "tests/unit/test_app.py::test_services_are_its_own"): "PASS",
        ("cpython", "tests/browser/test_prices.py::test_total"): "PASS",
        ("chromium", "tests/browser/test_prices.py::test_total"): "PASS",
    }

    deployment = settled(pullet, repository.commit(shop("two", _ONLY_HERE)))
    assert (deployment["outcome"], deployment["error_code"]) == ("failed", "gate-failed")
    assert "tests/browser/test_prices.py::test_total" in deployment["error"]
    assert pullet.get("shop") == (200, "one 3")
    bad = {key for key, status in cells(pullet, deployment["release"]).items() if status != "PASS"}
    assert bad == {("chromium", "tests/browser/test_prices.py::test_total")}

    deployment = settled(pullet, repository.commit(shop("three")))
    assert deployment["outcome"] == "succeeded"
    pullet.wait_for("shop", "three 3")


def test_an_app_with_a_pyscript_page_passes_both_gates(pullet: Pullet) -> None:
    """Its unit tests in CPython and in Chromium, and its page as a visitor meets it, before anybody does."""
    repository = Repository(pullet.root / "till")
    example = Path(__file__).parents[2] / "examples" / "flask-pyscript"
    files = {path.relative_to(example).as_posix(): path.read_text() for path in example.rglob("*") if path.is_file()}
    repository.commit(files)
    pullet.do("up", str(repository.path), "--port", str(pullet.port), limit=300)
    assert "Till" in pullet.get("till")[1]
    found = json.loads(pullet.do("tests", "till", "--format", "json").out)
    ran = {each["name"]: {one["status"] for one in each["results"]} for each in found["columns"]}
    assert ran == {"cpython": {"PASS"}, "chromium": {"PASS"}, "pages": {"PASS"}}

    broken = files["static/till.py"].replace("cart.add(250)", "cart.add(205)")
    revision = repository.commit({"static/till.py": broken})
    pullet.run("sync", "till", limit=240)
    newest = pullet.deployments("till")[0]
    assert (newest["revision"]["sha"], newest["error_code"]) == (revision, "gate-failed")
    assert "tests/pages/test_till.py::test_coffee_is_ordered" in newest["error"]
