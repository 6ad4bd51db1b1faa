"""The whole history of a commit, lent to others: everything is there, and nothing of where it came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pullet.domain.errors import SourceError
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from tests.assessing import committed
from tests.git_world import Repository

pytestmark = pytest.mark.real


def log(folder: Path) -> list[str]:
    done = subprocess.run(
        ("git", f"--git-dir={folder}", "-c", "safe.directory=*", "log", "-p", "--format=%H"),
        check=True,
        capture_output=True,
        text=True,
    )
    return [line for line in done.stdout.splitlines() if len(line) == 40]


async def test_every_commit_before_it_is_there_also_after_more_came(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    source, spec = GitSource(Home(tmp_path / "home"), ProcessRunner()), SourceSpec(str(folder))

    def change(number: int) -> str:
        (folder / "app.py").write_text(f"{number}\n")
        return committed(folder)

    shas = [change(number) for number in range(3)]
    await source.fetch(spec, shas[-1])  # the mirror for builds has the newest alone
    await source.history(spec, shas[-1], tmp_path / "lent")
    assert log(tmp_path / "lent") == shas[::-1]
    shas.append(change(4))
    await source.history(spec, shas[-1], tmp_path / "again")
    assert log(tmp_path / "again") == shas[::-1]
    assert log(tmp_path / "lent") == shas[-2::-1]


async def test_others_can_read_it_and_learn_no_address(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "with-a-token.git")
    source, spec = GitSource(Home(tmp_path / "home"), ProcessRunner()), SourceSpec(str(repository.path))
    await source.history(spec, repository.commit({"app.py": "1\n"}), tmp_path / "lent")
    files = [path for path in (tmp_path / "lent").rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o004 for path in files)
    assert not [path for path in files if b"with-a-token" in path.read_bytes()]


async def test_a_commit_that_is_not_there(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop.git")
    repository.commit({"app.py": "1\n"})
    source = GitSource(Home(tmp_path / "home"), ProcessRunner())
    with pytest.raises(SourceError):
        await source.history(SourceSpec(str(repository.path)), "1" * 40, tmp_path / "lent")
    with pytest.raises(SourceError, match="not a full commit id"):
        await source.history(SourceSpec(str(repository.path)), "--upload-pack=x", tmp_path / "lent")
