"""Places and authors of findings, with the real interpreter and the real git on hostile files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.domain.security import Basis, Finding, Severity, Spot
from pullet.drivers.security.locating import Blaming, Locating
from tests.assessing import committed, subject_of, workbench

pytestmark = pytest.mark.real


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


def finding(path: str, line: int) -> Finding:
    return Finding("ruff/S307", 95, Severity.HIGH, Basis.PATTERN, "eval", Spot(path, line))


async def test_each_finding_gets_its_function_and_statement(top: Path) -> None:
    subject = subject_of(top / "tree", {"a.py": "def f():\n    eval( a,\n  b)\n", "odd\nname.py": "eval(c )\n"})
    given = [finding("a.py", 2), finding("odd\nname.py", 1), finding("a.py", 1), finding("gone.py", 1), finding("", 0)]
    found = await Locating(await workbench(top / "home"))(subject, given)
    assert [(each.function, each.code, each.spot.end_line) for each in found] == [
        ("f", "eval(a, b)", 3),
        ("", "eval(c)", 1),
        ("", "def f():", 1),
        ("", "", 0),
        ("", "", 0),
    ]


async def test_files_made_to_end_the_interpreter_cost_their_own_places_only(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "deep.py": "eval(a)\nb = " + "(" * 300_000,
        "long.py": "eval(a)\nb = " + "+".join("c" * 300_000),
        "chain.py": "eval(a)\nb = c" + ".d" * 300_000,
        "big.py": b"eval(a)\n" + b"#" * (3 << 20),
        "good.py": "eval( a )\n",
    }
    subject = subject_of(top / "tree", files)
    (top / "tree" / "link.py").symlink_to("/etc/passwd")
    given = [finding(path, 1) for path in [*files, "link.py", "../home/key.py"]]
    found = await Locating(await workbench(top / "home"))(subject, given)
    assert len(found) == len(given)
    assert {each.spot.path: each.code for each in found}["good.py"] == "eval(a)"
    assert {each.spot.path: each.code for each in found}["link.py"] == ""


async def test_a_line_is_signed_by_the_commit_that_brought_it(top: Path) -> None:
    tree = top / "tree"
    subject_of(tree, {"a.py": "one\ntwo\n", "odd\nname.py": "x\n"})
    first = committed(tree)
    (tree / "a.py").write_text("zero\none\nthree\n")
    second = committed(tree, author="Grace <grace@example.org>")
    subject = subject_of(tree, {}, repository=tree / ".git", revision=second)
    given = [finding("a.py", 2), finding("a.py", 3), finding("a.py", 1), finding("odd\nname.py", 1)]
    found = await Blaming(await workbench(top / "home"))(subject, given)
    assert [(each.spot.commit, each.spot.author) for each in found] == [
        (first, "Ada"),
        (second, "Grace"),
        (second, "Grace"),
        (first, "Ada"),
    ]


async def test_nobody_is_blamed_for_what_is_not_committed(top: Path) -> None:
    tree = top / "tree"
    subject_of(tree, {"a.py": "one\ntwo\n", "b.py": "one\n"})
    revision = committed(tree)
    subject_of(tree, {"a.py": "changed\ntwo\nmore\n", "new.py": "one\n"})
    subject = subject_of(tree, {}, repository=tree / ".git", revision=revision)
    given = [finding("a.py", 1), finding("a.py", 2), finding("new.py", 1), finding("b.py", 1), finding("b.py", 7)]
    found = await Blaming(await workbench(top / "home"))(subject, given)
    assert [bool(each.spot.author) for each in found] == [False, True, False, True, False]


async def test_nothing_that_the_repository_configures_is_run(top: Path) -> None:
    tree = top / "tree"
    mark = top / "mark"
    mark.mkdir(mode=0o777)
    mark.chmod(0o777)
    subject_of(tree, {"a.py": "one\n", ".gitattributes": "*.py diff=evil filter=evil\n", "ignored": "0" * 40 + "\n"})
    revision = committed(tree)
    (tree / ".git/config").write_text(
        (tree / ".git/config").read_text()
        + f'[diff "evil"]\n textconv = touch {mark}/textconv; echo two #\n'
        + f'[filter "evil"]\n clean = touch {mark}/clean; cat\n smudge = touch {mark}/smudge; cat\n'
        + f"[core]\n fsmonitor = touch {mark}/fsmonitor\n hooksPath = {tree}\n"
        + f"[blame]\n ignoreRevsFile = {tree}/ignored\n"
    )
    subject = subject_of(tree, {}, repository=tree / ".git", revision=revision)
    (found,) = await Blaming(await workbench(top / "home"))(subject, [finding("a.py", 1)])
    assert found.spot.author == "Ada"
    assert list(mark.iterdir()) == []
