"""The engine `code` with the real ruff, on files made to be passed over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.domain.security import Basis, EngineReport, Finding, Severity
from pullet.drivers.security.code import CodeEngine
from pullet.drivers.security.workbench import Limits
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


async def looked(top: Path, files: dict[str, str | bytes], limits: Limits | None = None) -> EngineReport:
    subject = subject_of(top / "tree", files, frameworks=frozenset({"django"}))
    return await CodeEngine(await workbench(top / "home", limits)).assess(subject, unheard)


def at(report: EngineReport, path: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.spot.path == path]


async def test_a_finding_says_where_what_and_how_to_mend_it(top: Path) -> None:
    report = await looked(
        top, {"shop/views.py": "def find(cursor, name):\n    cursor.execute(f'SELECT a FROM {name}')\n"}
    )
    (finding,) = report.findings
    assert (finding.rule, finding.cwe, str(finding.spot)) == ("ruff/S608", 89, "shop/views.py:2")
    assert finding.basis is Basis.PATTERN
    assert not finding.blocks
    assert "ORM" in finding.fix
    assert report.assessed
    assert report.tool.startswith("ruff ")
    assert 89 in report.checked


async def test_a_repository_cannot_silence_its_findings(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "pyproject.toml": "[tool.ruff]\nexclude = ['*']\nforce-exclude = true\n[tool.ruff.lint]\nignore = ['S']\n",
        "ruff.toml": "exclude = ['*']\n",
        ".gitignore": "*\n",
        "line.py": "eval(a)  # noqa\n",
        "file.py": "# ruff: noqa\n# flake8: noqa\neval(a)\n",
        "lines.py": "# ruff: disable[S307]\neval(a)\n# ruff: enable[S307]\n",
        "whole.py": "# ruff: file-ignore[S307]\neval(a)\n",
        "site-packages/inner.py": "eval(a)\n",
        "claims.py": "import pullet_was_here\neval(a)\n",
        "odd\nname.py": "eval(a)\n",
        "bad\udcffname.py": "eval(a)\n",
        "-option.py": "eval(a)\n",
        "manage": "#!/usr/bin/env python3\neval(a)\n",
    }
    report = await looked(top, files)
    expected = set(files) - {"pyproject.toml", "ruff.toml", ".gitignore"}
    assert {finding.spot.path for finding in report.findings} == expected
    assert [dict(each.missed) for each in report.coverage] == [{"claims.py": "ruff passed it over"}]


async def test_each_file_that_is_not_read_is_counted_and_the_others_are_read(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "good.py": "eval(a)\n",
        "newer.py": "eval(a)\nfrobnicate name as other: ...\n",
        "latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe9'\neval(a)\n",
        "binary.py": b"\x00\x01\x02",
        "deep.py": "a = " + "+".join("b" * 200_000) + "\n",
    }
    report = await looked(top, files)
    (coverage,) = report.coverage
    assert (coverage.done, coverage.there) == (1, 5)
    assert {path for path, _ in coverage.missed} == set(files) - {"good.py"}
    assert all(why for _, why in coverage.missed)
    assert not report.assessed
    assert at(report, "good.py")


async def test_files_that_hold_no_statement_are_read(top: Path) -> None:
    files: dict[str, str | bytes] = {"a/__init__.py": "", "b.py": '"""Docs."""\n', "c.py": "# a licence\n"}
    report = await looked(top, files)
    assert report.assessed
    assert report.coverage[0].done == 3


async def test_tests_are_notes_and_their_passwords_none(top: Path) -> None:
    code = "password = 'hunter2hunter2'\nassert eval(password)\n"
    report = await looked(top, {"tests/test_login.py": code, "login.py": code})
    assert [(each.rule, each.severity) for each in at(report, "tests/test_login.py")] == [("ruff/S307", Severity.NOTE)]
    assert {each.rule for each in at(report, "login.py")} == {"ruff/S105", "ruff/S307"}


async def test_syntax_of_a_newer_python_than_pullets_own_is_read(top: Path) -> None:
    report = await looked(top, {"new.py": "def f[T](a: T) -> T:\n    return eval(f'{a!r:{'>'}10}')\n"})
    assert report.assessed
    assert [each.rule for each in report.findings] == ["ruff/S307"]


async def test_where_there_is_no_python_there_is_nothing_to_look_at(top: Path) -> None:
    engine = CodeEngine(await workbench(top / "home"))
    assert engine.left_out(subject_of(top / "tree", {"index.html": ""})) == "there is no Python file"
    assert engine.left_out(subject_of(top / "tree", {"app.py": ""})) == ""
