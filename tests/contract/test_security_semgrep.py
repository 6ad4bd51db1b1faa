"""The optional engine `semgrep`, with the real one, installed in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Basis, Severity
from pullet.drivers.security.semgrep import SemgrepEngine
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real

_RULES = """
rules:
  - id: no-eval
    languages: [python]
    severity: ERROR
    message: eval of anything
    metadata: {cwe: "CWE-95: Improper Neutralization"}
    pattern: eval(...)
  - id: no-print
    languages: [python]
    severity: INFO
    message: a print
    pattern: print(...)
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pullet-semgrep-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        uv = find_uv_bin()
        subprocess.run((uv, "venv", "-q", "-p", sys.executable, folder / "venv"), check=True)
        install = (uv, "pip", "install", "-q", "-p", folder / "venv/bin/python", "semgrep==1.182.0")
        subprocess.run(install, check=True, timeout=300)
        yield folder


async def test_the_repository_s_own_rules_are_followed_for_review(place: Path) -> None:
    files: dict[str, str | bytes] = {
        ".semgrep/own.yml": _RULES,
        "app.py": "def f(x):\n    return eval(x)  # nosem\n",
        "odd\nname.py": "eval(a)\n",
        "say.py": "print(1)\n",
    }
    engine = SemgrepEngine(await workbench(place / "home"), str(place / "venv/bin"))
    subject = subject_of(place / "tree", files)
    assert engine.left_out(subject) == ""
    report = await engine.assess(subject, unheard)
    told = {(each.rule, each.cwe, each.severity, each.spot.path, each.spot.line) for each in report.findings}
    assert {
        ("semgrep/semgrep.no-eval", 95, Severity.HIGH, "app.py", 2),
        ("semgrep/semgrep.no-eval", 95, Severity.HIGH, "odd\nname.py", 1),
        ("semgrep/semgrep.no-print", 0, Severity.LOW, "say.py", 1),
    } <= told
    assert {each.basis for each in report.findings} == {Basis.PATTERN}
    assert [(each.unit, each.done, each.there) for each in report.coverage] == [("files", 3, 3)]
    assert report.assessed


async def test_a_file_that_is_not_read_whole_is_no_pass(place: Path) -> None:
    files: dict[str, str | bytes] = {
        ".semgrep.yml": _RULES,
        ".semgrepignore": "hidden.py\n",
        "hidden.py": "eval(a)\n",
        "newer.py": "type X[T=int] = list[T]\neval(b)\n",
        "caf\udce9.py": "eval(c)\n",
    }
    engine = SemgrepEngine(await workbench(place / "home"), str(place / "venv/bin"))
    report = await engine.assess(subject_of(place / "newer", files), unheard)
    assert {each.spot.path for each in report.findings} >= {"hidden.py"}, "the repository hides no file"
    assert dict(report.coverage[0].missed).keys() == {"newer.py", "caf\udce9.py"}
    assert (report.coverage[0].done, report.coverage[0].there) == (1, 3)
    assert not report.assessed


async def test_rules_that_are_none_are_no_pass(place: Path) -> None:
    engine = SemgrepEngine(await workbench(place / "home"), str(place / "venv/bin"))
    subject = subject_of(place / "wrong", {".semgrep.yml": "rules: [{id: x}]\n", "app.py": "eval(a)\n"})
    with pytest.raises(AssessmentFailed):
        await engine.assess(subject, unheard)


async def test_without_rules_or_program_it_is_left_out(place: Path) -> None:
    bench = await workbench(place / "home")
    assert "no rules" in SemgrepEngine(bench).left_out(subject_of(place / "plain", {"app.py": ""}))
    ruled = subject_of(place / "ruled", {".semgrep.yml": _RULES})
    assert "installed" in SemgrepEngine(bench, str(place / "nowhere")).left_out(ruled)
