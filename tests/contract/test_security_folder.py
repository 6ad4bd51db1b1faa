"""Folders as subjects, with the repository that holds their history: real git, confined."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.analysis.security.review import REVIEW_FILE
from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import UsageError
from pullet.domain.home import Home
from pullet.domain.security import Assessment
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.security.assessor import EngineAssessor
from pullet.drivers.security.folder import FolderSubjects
from pullet.operations.assess import FolderAssessment, Wanted
from tests.assessing import committed, unheard, workbench

pytestmark = pytest.mark.real

_PULLET = Path(sys.executable).parent / "pullet"


@pytest.fixture
def top() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pullet-folder-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o711)
        (folder / "shop").mkdir()
        (folder / "shop" / "app.py").write_text("x = 1\n")
        committed(folder / "shop")
        yield folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", "-C", str(folder), "-c", "protocol.file.allow=always", *arguments), check=True)


async def subjects(top: Path) -> FolderSubjects:
    return FolderSubjects(await workbench(top / "home"))


async def test_a_worktree_has_the_history_of_its_repository(top: Path) -> None:
    git(top / "shop", "worktree", "add", "-q", str(top / "other"), "-b", "other")
    (top / "other" / "new.py").write_text("y = 2\n")
    sha = committed(top / "other")
    subject = await (await subjects(top)).describe(top / "other", "shop")
    assert (subject.files, subject.revision) == (("app.py", "new.py"), sha)
    assert subject.repository == top / "shop" / ".git"


async def test_a_submodule_has_a_history_of_its_own(top: Path) -> None:
    (top / "whole").mkdir()
    committed(top / "whole")
    git(top / "whole", "submodule", "add", "-q", str(top / "shop"), "part")
    subject = await (await subjects(top)).describe(top / "whole" / "part", "shop")
    assert (subject.files, subject.repository) == (("app.py",), top / "whole" / ".git" / "modules" / "part")
    assert len(subject.revision) == 40


async def test_a_file_that_names_somebody_elses_repository_is_refused(top: Path) -> None:
    (top / "thief").mkdir()
    (top / "thief" / ".git").write_text(f"gitdir: {top / 'shop' / '.git'}\n")
    with pytest.raises(UsageError, match="knows nothing of"):
        await (await subjects(top)).describe(top / "thief", "shop")


async def test_a_worktree_that_is_told_by_relative_paths(top: Path) -> None:
    """As git writes them where worktree.useRelativePaths is set."""
    git(top / "shop", "worktree", "add", "-q", str(top / "other"), "-b", "other")
    there = top / "shop/.git/worktrees/other"
    (top / "other/.git").write_text("gitdir: ../shop/.git/worktrees/other\n")
    (there / "gitdir").write_text("../../../../other/.git\n")
    assert (await (await subjects(top)).describe(top / "other", "shop")).repository == top / "shop/.git"


def _own_worktree(thief: Path, victim: Path) -> None:
    """All that a worktree is told by, made by the thief: only the objects are the victim's."""
    (thief / "made").mkdir()
    (thief / "made/commondir").write_text(f"{victim}\n")
    (thief / "made/gitdir").write_text(f"{thief / '.git'}\n")
    (thief / "made/HEAD").write_text("ref: refs/heads/main\n")
    (thief / ".git").write_text("gitdir: made\n")


def _named_worktree(thief: Path, victim: Path) -> None:
    _own_worktree(thief, victim)
    (thief / "worktrees").mkdir()
    (thief / "made").rename(thief / "worktrees/made")
    (thief / ".git").write_text("gitdir: worktrees/made\n")


def _own_submodule(thief: Path, victim: Path) -> None:
    _own_worktree(thief, victim)
    (thief / "made/gitdir").unlink()
    (thief / "made/config").write_text("[core]\n\tworktree = ..\n")


def _common_folder(thief: Path, victim: Path) -> None:
    (thief / ".git").mkdir()
    (thief / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (thief / ".git/commondir").write_text(f"{victim}\n")


def _linked_folder(thief: Path, victim: Path) -> None:
    (thief / ".git").symlink_to(victim)


@pytest.mark.parametrize(
    "made",
    [_own_worktree, _named_worktree, _own_submodule, _common_folder, _linked_folder],
    ids=lambda each: each.__name__,
)
async def test_a_folder_made_to_show_somebody_elses_history_is_refused(
    top: Path, made: Callable[[Path, Path], None]
) -> None:
    (top / "thief").mkdir()
    made(top / "thief", top / "shop" / ".git")
    with pytest.raises(UsageError):
        await (await subjects(top)).describe(top / "thief", "shop")


def _environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    return folder / "bin/python"


async def test_the_environment_of_a_folder_is_its_own(top: Path) -> None:
    asked = await subjects(top)
    shop, other = top / "shop", _environment(top / "elsewhere")
    found = [await asked.python(await asked.describe(shop, "shop"), str(other.parent.parent))]
    own = _environment(shop / ".venv")
    found.append(await asked.python(await asked.describe(shop, "shop")))
    of_root = _environment(shop / "backend/venv")
    spec = AppSpec("backend", None, Dependencies(DependencyKind.NONE), ())
    found.append(await asked.python(replace(await asked.describe(shop, "shop"), spec=spec)))
    active = _environment(shop / "env")
    found.append(await asked.python(await asked.describe(shop, "shop"), str(shop / "env")))
    assert found == [None, own, of_root, active]


async def test_an_environment_that_is_committed_is_nobodys(top: Path) -> None:
    asked = await subjects(top)
    _environment(top / "shop/.venv")
    committed(top / "shop")
    assert await asked.python(await asked.describe(top / "shop", "shop")) is None


def test_a_worktree_is_assessed_against_a_base(top: Path) -> None:
    """By the command itself: files, history and waivers are those of the worktree's repository."""
    git(top / "shop", "worktree", "add", "-q", str(top / "other"), "-b", "other")
    (top / "other" / "new.py").write_text("import pickle\n\n\ndef load(text):\n    return pickle.loads(text)\n")
    sha = committed(top / "other")
    argv = (_PULLET, "assess", top / "other", "--base", "main", "--format", "json", "--advisories", top / "shop")
    done = subprocess.run(argv, env={**os.environ, "PULLET_HOME": str(top / "home")}, capture_output=True, check=False)
    told = json.loads(done.stdout)
    states = {part["name"]: part["state"] for part in told["parts"]}
    assert told["revision"] == f"other@sha1:{sha[:7]}"
    assert told["base"].startswith("main@sha1:")
    assert states["files"] == states["history"] == "passed"
    assert {finding["spot"]["path"] for finding in told["findings"]} == {"new.py"}


async def test_a_folder_without_a_repository_is_read_as_it_lies_there(top: Path) -> None:
    (top / "plain").mkdir()
    (top / "plain" / "app.py").write_text("z = 3\n")
    subject = await (await subjects(top)).describe(top / "plain", "shop")
    assert (subject.files, subject.repository, subject.revision) == (("app.py",), None, "")


TICK = """
[[reviewed]]
requirement = "8.2.1"
by = "Ada"
on = 2026-01-01
evidence = "each role on each view"
expires = 9999-12-31
"""


async def assessed(top: Path, base: str = "") -> Assessment:
    """By no engine at all: what is declared is told all the same."""
    source = GitSource(Home(top / "home"), ProcessRunner())
    work = FolderAssessment(EngineAssessor(()), await subjects(top), source, top / "scratch")
    return await work.assess(Wanted(top / "shop", base), unheard)


async def test_a_commit_ticks_nothing_for_itself(top: Path) -> None:
    git(top / "shop", "checkout", "-q", "-b", "feature")
    (top / "shop" / REVIEW_FILE).parent.mkdir()
    (top / "shop" / REVIEW_FILE).write_text(TICK)
    committed(top / "shop")
    assert (await assessed(top)).reviewed == ()
    assert (await assessed(top, "main")).reviewed == ()
    git(top / "shop", "checkout", "-q", "main")
    git(top / "shop", "merge", "-q", "feature")
    assert [tick.requirement for tick in (await assessed(top)).reviewed] == ["8.2.1"]


async def test_what_the_trunk_declares_is_read_from_its_commit(top: Path) -> None:
    folder = top / "shop"
    (folder / ".pullet").mkdir()
    (folder / ".pullet" / "waivers.toml").write_bytes(b"a\0b\n\nmissing\n")
    (folder / "empty").write_bytes(b"")
    sha = committed(folder)
    git(folder, "branch", "-M", "main")
    git(folder, "checkout", "-q", "-b", "feature")
    (folder / ".pullet" / "waivers.toml").write_text("everything\n")
    committed(folder)
    made = await subjects(top)
    subject = await made.describe(folder, "shop")
    assert await made.trunk(subject) == sha
    assert subject.revision != sha
    wanted = ("none", "empty", ".pullet", ".pullet/waivers.toml")
    assert await made.read(subject, sha, wanted) == {"empty": b"", ".pullet/waivers.toml": b"a\0b\n\nmissing\n"}
    assert await made.read(subject, "0" * 40, wanted) == {}
    git(folder, "branch", "-M", "main", "other")
    assert await made.trunk(subject) == subject.revision
    git(folder, "update-ref", "refs/remotes/origin/HEAD", sha)
    assert await made.trunk(subject) == sha
