"""The engine `flow` on the sandbox, with files made to end it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.domain.security import Basis, EngineReport, Severity
from pullet.drivers.security.flow import FlowEngine
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real

VIEW = """\
from flask import request


def find(db):
    name = request.args["name"]
    return db.execute(f"SELECT a FROM b WHERE c = '{name}'")
"""


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


async def looked(top: Path, files: dict[str, str | bytes]) -> EngineReport:
    subject = subject_of(top / "tree", files, frameworks=frozenset({"flask"}))
    return await FlowEngine(await workbench(top / "home")).assess(subject, unheard)


async def test_a_trace_holds_a_release_back_and_shows_each_step(top: Path) -> None:
    report = await looked(top, {"app.py": VIEW, "other.py": "import os\n"})
    (finding,) = report.findings
    assert (finding.rule, finding.cwe, finding.basis) == ("flow/sql", 89, Basis.TRACE)
    assert finding.blocks
    assert finding.severity is Severity.CRITICAL
    assert [str(each) for each in finding.trace] == ["app.py:5", "app.py:6"]
    assert (str(finding.spot), finding.function, finding.sink) == ("app.py:6", "find", "db.execute")
    assert "request.args['name']" in finding.title
    assert "SQLAlchemy" in finding.fix
    assert report.assessed
    assert report.coverage[0].done == 2


async def test_a_file_that_cannot_be_followed_is_counted_and_the_others_are_followed(top: Path) -> None:
    head = "import flask\n"
    files: dict[str, str | bytes] = {
        "app.py": VIEW,
        "odd\nname.py": VIEW,
        "wrong.py": head + "def (",
        "nested.py": head + "a = " + "(" * 300_000,
        "chain.py": head + "a = b" + ".c" * 300_000,
        "sum.py": head + "def f():\n    a = " + "+".join("b" * 300_000),
        "deep.py": head + "def f():\n    a = " + "+".join("b" * 600),
        "big.py": head.encode() + b"#" * (3 << 20),
    }
    report = await looked(top, files)
    (coverage,) = report.coverage
    assert {path for path, _ in coverage.missed} == set(files) - {"app.py", "odd\nname.py"}
    assert (coverage.done, coverage.there) == (2, 8)
    assert {each.spot.path for each in report.findings} == {"app.py", "odd\nname.py"}


async def test_a_large_table_of_data_is_no_gap(top: Path) -> None:
    report = await looked(top, {"table.py": b"ROWS = [\n" + b"    1,\n" * 500_000 + b"]\n"})
    assert report.assessed


async def test_in_a_test_it_is_a_note(top: Path) -> None:
    report = await looked(top, {"tests/test_app.py": VIEW, "tests/app.py": VIEW, "exams/tests/views.py": VIEW})
    assert {each.spot.path: each.severity for each in report.findings} == {
        "tests/test_app.py": Severity.NOTE,
        "tests/app.py": Severity.NOTE,
        "exams/tests/views.py": Severity.CRITICAL,
    }
