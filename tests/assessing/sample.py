"""A small shop in three releases, each with its own mistakes: of which pictures for the docs are made."""

from __future__ import annotations

import random
import string

_HEAD = """\
import os
import sqlite3

from flask import Flask, request

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=True, DEBUG={debug})


@app.get("/")
def first():
    return "The shop"

"""
_FOLLOWED = """
@app.get("/orders")
def orders():
    number = request.args["number"]
    rows = sqlite3.connect("shop.db").execute(f"select * from orders where number = '{number}'")
    return {"orders": rows.fetchall()}

"""
_BOUND = """
@app.get("/orders")
def orders():
    rows = sqlite3.connect("shop.db").execute("select * from orders where number = ?", [request.args["number"]])
    return {"orders": rows.fetchall()}

"""
_REVIEW = """
def totals(column):
    return sqlite3.connect("shop.db").execute(f"select sum({column}) from orders").fetchone()
"""
_TICKS = """\
[[reviewed]]
requirement = "8.2.1"
by = "Ada"
on = {on}
evidence = "tests/test_permissions.py tries each role on each view"

[[reviewed]]
requirement = "2.3.2"
by = "Ada"
on = {on}
evidence = "no order above the limit of its customer"
"""
_ADVISORY = """\
id: CVE-2024-22195
summary: Names of attributes that a visitor chooses are not escaped by the filter xmlattr.
severity:
- {type: CVSS_V3, score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}
affected:
- package: {name: jinja2, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events:
    - introduced: "0"
    - fixed: "3.1.3"
"""
ADVISORIES = {"vulns/jinja2/CVE-2024-22195.yaml": _ADVISORY}


def releases(today: str) -> tuple[dict[str, str], ...]:
    """Path -> text of each. `today`: a date, as `2026-11-20`."""
    leaked = f"aws_access_key_id = {_key()}\n"
    old, new = "flask==3.0.3\njinja2==3.1.2\n", "flask==3.0.3\njinja2==3.1.6\n"
    review = {".pullet/review.toml": _TICKS.replace("{on}", today)}
    return (
        {"app.py": _app("False", _BOUND), "requirements.txt": new, **review},
        {"app.py": _app("False", _BOUND, _REVIEW), "requirements.txt": old, **review},
        {"app.py": _app("True", _FOLLOWED, _REVIEW), "requirements.txt": old, "deploy.cfg": leaked, **review},
    )


def _app(debug: str, *functions: str) -> str:
    return "\n".join((_HEAD.replace("{debug}", debug), *functions))


def _key() -> str:
    """Of the form of a cloud's keys, and of nobody."""
    letters = random.Random(7)
    return "AKIA" + "".join(letters.choice(string.ascii_uppercase + "234567") for _ in range(16))
