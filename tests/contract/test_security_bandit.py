"""The optional engine `bandit`, with the real one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.drivers.security import bandit
from pullet.drivers.security.bandit import BanditEngine
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


async def test_findings_are_told_as_those_of_ruff_and_unread_files_counted(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "app.py": "import pickle\neval(a)  # nosec\n",
        "odd\nname.py": "eval(a)\n",
        "bad\udcffname.py": "eval(a)\n",
        "wrong.py": "def (",
        ".tox/inner.py": "eval(a)\n",
        ".bandit": "[bandit]\nskips = B307\n",
        "pyproject.toml": "[tool.bandit]\nskips = ['B307']\n",
    }
    subject = subject_of(top / "tree", files)
    engine = BanditEngine(await workbench(top / "home"))
    assert engine.left_out(subject) == ""
    report = await engine.assess(subject, unheard)
    assert {(each.rule, each.cwe, each.spot.path, each.spot.line) for each in report.findings} == {
        ("bandit/B307", 95, "app.py", 2),
        ("bandit/B307", 95, "odd\nname.py", 1),
        ("bandit/B307", 95, "bad\udcffname.py", 1),
        ("bandit/B307", 95, ".tox/inner.py", 1),
    }
    assert [dict(each.missed) for each in report.coverage] == [{"wrong.py": "syntax error while parsing AST from file"}]
    assert not report.assessed
    assert report.tool.startswith("bandit ")


async def test_where_it_is_not_installed_it_has_nothing_to_say(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandit, "_program", lambda: None)
    engine = BanditEngine(await workbench(top / "home"))
    assert engine.left_out(subject_of(top / "tree", {"app.py": ""})) == "bandit is not installed"
