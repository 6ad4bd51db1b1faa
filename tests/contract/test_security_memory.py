"""What is known of files that stayed the same is what the engine would say of them again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pullet.domain.security import EngineReport, Severity
from pullet.drivers.security.bandit import BanditEngine
from pullet.drivers.security.code import CodeEngine
from pullet.drivers.security.flow import FlowEngine
from pullet.drivers.security.remembering import Memory, PerFile
from pullet.drivers.security.secrets import SecretsEngine
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real

_BAD = "import os\n\n\ndef run(text):\n    os.system(text)\n    eval(text)\n"
_GOOD = "x = 1\n"


@pytest.fixture
def top() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pullet-assess-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


class Assessments:
    """Counts which files are really looked at."""

    def __init__(self, top: Path, engine: PerFile) -> None:
        self._top = top
        self._engine = engine
        self.memory = Memory(top / "memory")
        self.asked: list[frozenset[str] | None] = []

    async def of(self, files: dict[str, str | bytes], *frameworks: str) -> EngineReport:
        tree = self._top / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        subject = subject_of(tree, files, frameworks=frozenset(frameworks))

        async def ask(narrowed: Subject) -> EngineReport:
            self.asked.append(narrowed.only)
            return await self._engine.assess(narrowed, unheard)

        report = await self.memory.of(subject).assess(self._engine, ask)
        plain = await self._engine.assess(subject, unheard)
        assert sorted(report.findings, key=repr) == sorted(plain.findings, key=repr)
        assert (report.coverage, report.tool) == (plain.coverage, plain.tool)
        return report


@pytest.mark.parametrize("kind", [CodeEngine, FlowEngine, BanditEngine, SecretsEngine])
async def test_only_what_changed_is_looked_at(top: Path, kind: Callable[[Workbench], PerFile]) -> None:
    assessments = Assessments(top, kind(await workbench(top / "home")))
    await assessments.of({"a.py": _BAD, "b.py": _BAD, "c.py": _GOOD})
    await assessments.of({"a.py": _BAD, "b.py": _GOOD, "c.py": _GOOD})
    await assessments.of({"a.py": _BAD, "b.py": _GOOD, "d.py": "import flask\nprint 'python 2'\n"})
    report = await assessments.of({"a.py": _BAD, "b.py": _GOOD, "d.py": "import flask\nprint 'python 2'\n"})
    assert [sorted(each or ()) for each in assessments.asked] == [["a.py", "b.py", "c.py"], ["b.py"], ["d.py"], []]
    assert report.assessed is (kind is SecretsEngine), "a file that nobody could read stays unread"


async def test_what_was_said_for_another_framework_or_is_damaged_counts_for_nothing(top: Path) -> None:
    assessments = Assessments(top, CodeEngine(await workbench(top / "home")))
    await assessments.of({"a.py": _BAD})
    await assessments.of({"a.py": _BAD}, "django")
    assert len(assessments.asked[-1] or ()) == 1
    [place] = (top / "memory").rglob("code.json")
    for damage in ("{", "[]", '{"stamp": 1}', place.read_text().replace('"severity": "high"', '"severity": "none"')):
        place.write_text(damage)
        await assessments.of({"a.py": _BAD}, "django")
        assert len(assessments.asked[-1] or ()) == 1


async def test_a_file_counts_as_new_once_it_is_no_test_any_more(top: Path) -> None:
    assessments = Assessments(top, CodeEngine(await workbench(top / "home")))
    await assessments.of({"tests/exam.py": _BAD, "tests/test_exam.py": _GOOD})
    report = await assessments.of({"tests/exam.py": _BAD})
    assert sorted(assessments.asked[-1] or ()) == ["tests/exam.py"]
    assert all(finding.severity is not Severity.NOTE for finding in report.findings)


async def test_another_build_of_the_program_is_asked_anew(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assessments = Assessments(top, engine := CodeEngine(await workbench(top / "home")))
    await assessments.of({"a.py": _BAD})
    program = shutil.copy2(engine.program(), top / "ruff")
    monkeypatch.setattr(engine, "program", lambda: Path(program))
    await assessments.of({"a.py": _BAD})
    await assessments.of({"a.py": _BAD})
    os.utime(program)
    await assessments.of({"a.py": _BAD})
    assert [len(each or ()) for each in assessments.asked] == [1, 1, 0, 1]


async def test_more_unread_files_than_are_told_is_not_remembered(top: Path) -> None:
    assessments = Assessments(top, CodeEngine(await workbench(top / "home")))
    files: dict[str, str | bytes] = {f"m{number}.py": "def f(:\n" for number in range(120)}
    assert not (await assessments.of(files)).assessed
    await assessments.of({**files, "a.py": _GOOD})
    assert len(assessments.asked[-1] or ()) == 121
