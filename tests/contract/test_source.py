"""What every Source promises, on the fake and on git itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from pullet.domain.errors import BranchMissing, SourceError
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.ports import Source
from tests.fakes.source import FakeRepository, FakeSource
from tests.git_world import Repository

FILES: dict[str, bytes | str] = {"app.py": "app = 1\n", "pkg/__init__.py": "", "pkg/data.bin": b"\x00\xff\r\n"}


class Upstream(Protocol):
    """What a test may do to a repository, fake or real."""

    def commit(self, files: dict[str, bytes | str], branch: str = "main") -> str: ...

    def tag(self, name: str, sha: str) -> None: ...

    def delete_branch(self, branch: str) -> None: ...

    def rename_default(self, branch: str) -> None: ...

    def lose(self, sha: str) -> None: ...


class FakeUpstream:
    def __init__(self, repository: FakeRepository) -> None:
        self._repository = repository
        self.commit = repository.commit
        self.tag = repository.tag
        self.lose = repository.lose

    def delete_branch(self, branch: str) -> None:
        del self._repository.heads[branch]

    def rename_default(self, branch: str) -> None:
        old = self._repository.default_branch or ""
        self._repository.heads[branch] = self._repository.heads.pop(old)
        self._repository.default_branch = branch


class RealUpstream:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.commit = repository.commit

    def tag(self, name: str, sha: str) -> None:
        self._repository.tag(name, sha, annotated=True)

    def delete_branch(self, branch: str) -> None:
        self._repository.git("update-ref", "-d", f"refs/heads/{branch}")

    def rename_default(self, branch: str) -> None:
        self._repository.git("branch", "-m", self._repository.git("symbolic-ref", "--short", "HEAD"), branch)

    def lose(self, sha: str) -> None:
        for ref in self._repository.git("for-each-ref", "--points-at", sha, "--format=%(refname)").split():
            self._repository.git("update-ref", "-d", ref)
        self._repository.git("reflog", "expire", "--expire=now", "--all")
        self._repository.git("prune", "--expire=now")


@dataclass
class World:
    source: Source
    upstream: Upstream
    spec: SourceSpec
    folder: Path
    restarted: Callable[[], Source]
    """The source as a daemon sees it that was started anew."""


@pytest.fixture(params=["fake", pytest.param("git", marks=pytest.mark.real)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "fake":
        fake = FakeSource()
        return World(fake, FakeUpstream(fake.repository("/srv/shop")), SourceSpec("/srv/shop"), tmp_path, lambda: fake)

    def start() -> Source:
        return GitSource(Home(tmp_path / "home"), ProcessRunner())

    repository = Repository(tmp_path / "shop.git")
    return World(start(), RealUpstream(repository), SourceSpec(str(repository.path)), tmp_path, start)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


EXPECTED = {path: data.encode() if isinstance(data, str) else data for path, data in FILES.items()}


async def test_a_poll_sees_branches_tags_and_the_default(world: World) -> None:
    first = world.upstream.commit(FILES)
    world.upstream.tag("v1.0", first)
    second = world.upstream.commit({"app.py": "2"}, "develop")
    refs = await world.source.poll(world.spec)
    assert (dict(refs.heads), dict(refs.tags)) == ({"main": first, "develop": second}, {"v1.0": first})
    assert await world.source.default_branch(world.spec) == "main"


async def test_each_poll_sees_what_happened_since_the_last(world: World) -> None:
    for number in range(5):
        sha = world.upstream.commit({"app.py": f"{number}"})
        assert (await world.source.poll(world.spec)).heads == {"main": sha}
    world.upstream.commit(FILES, "gone")
    await world.source.poll(world.spec)
    world.upstream.delete_branch("gone")
    assert (await world.source.poll(world.spec)).heads == {"main": sha}
    world.upstream.rename_default("trunk")
    assert (await world.source.poll(world.spec)).heads == {"trunk": sha}
    assert await world.source.default_branch(world.spec) == "trunk"


async def test_an_empty_repository_is_no_failure_of_the_poll(world: World) -> None:
    assert (await world.source.poll(world.spec)).heads == {}
    with pytest.raises(BranchMissing, match="is empty"):
        await world.source.default_branch(world.spec)


async def test_a_repository_that_is_not_there(world: World) -> None:
    with pytest.raises(SourceError, match="does not exist") as caught:
        await world.source.poll(SourceSpec(str(world.folder / "nothing")))
    assert caught.value.hint


async def test_a_tree_is_read_without_a_check_out(world: World) -> None:
    sha = world.upstream.commit(FILES)
    await world.source.fetch(world.spec, sha)
    tree = world.source.tree(world.spec, sha)
    assert {entry.path: entry.size for entry in await tree.entries()} == {
        path: len(data) for path, data in EXPECTED.items()
    }
    committed = await tree.committed()
    assert committed is not None
    assert committed > 1_000_000_000
    assert await tree.read(["pkg/data.bin", "pkg/__init__.py", "pkg", "none"]) == {
        "pkg/data.bin": b"\x00\xff\r\n",
        "pkg/__init__.py": b"",
    }
    assert await tree.read([]) == {}


async def test_a_check_out_has_every_file_byte_by_byte(world: World) -> None:
    odd = {".gitattributes": b"* text=auto eol=crlf\n*.py ident\n", "id.py": b"# $Id$\n"}
    sha = world.upstream.commit({**FILES, **odd})
    destination = world.folder / "releases" / "1" / "tree"
    await world.source.fetch(world.spec, sha)
    await world.source.check_out(world.spec, sha, destination)
    assert contents(destination) == {**EXPECTED, **odd}
    assert await world.source.changed_files(destination) == []


async def test_a_check_out_replaces_another_and_keeps_its_own(world: World) -> None:
    first, second = world.upstream.commit(FILES), world.upstream.commit({"new.py": "x"})
    destination = world.folder / "tree"
    for sha in (first, second):
        await world.source.fetch(world.spec, sha)
        await world.source.check_out(world.spec, sha, destination)
    assert contents(destination) == {"new.py": b"x"}
    (destination / "untracked").write_text("made by the build")
    await world.source.check_out(world.spec, second, destination)
    assert (destination / "untracked").exists()


async def test_a_fetched_commit_outlives_the_remote(world: World) -> None:
    sha = world.upstream.commit(FILES)
    await world.source.fetch(world.spec, sha)
    world.upstream.commit({"app.py": "forced"})
    world.upstream.lose(sha)
    again = world.restarted()
    await again.fetch(world.spec, sha)
    await again.check_out(world.spec, sha, world.folder / "tree")
    assert contents(world.folder / "tree") == EXPECTED


async def test_a_commit_that_was_forced_away_meanwhile(world: World) -> None:
    sha = world.upstream.commit(FILES)
    await world.source.poll(world.spec)
    world.upstream.commit({"app.py": "forced"})
    world.upstream.lose(sha)
    with pytest.raises(SourceError, match="no longer has the commit") as caught:
        await world.source.fetch(world.spec, sha)
    assert caught.value.hint


async def test_drift_is_found_and_healed(world: World) -> None:
    sha = world.upstream.commit({**FILES, "kept.py": "kept\n"})
    destination = world.folder / "tree"
    await world.source.fetch(world.spec, sha)
    await world.source.check_out(world.spec, sha, destination)
    (destination / "app.py").write_text("app = 2\n")
    (destination / "pkg" / "data.bin").unlink()
    (destination / "new.py").write_text("untracked files are no drift")
    changed = await world.restarted().changed_files(destination)
    assert sorted(changed) == ["app.py", "pkg/data.bin"]
    await world.restarted().restore_files(world.spec, sha, destination, changed)
    assert await world.source.changed_files(destination) == []
    assert contents(destination) == {**EXPECTED, "kept.py": b"kept\n", "new.py": b"untracked files are no drift"}


async def test_a_check_out_that_is_gone_is_drift_as_a_whole(world: World) -> None:
    sha = world.upstream.commit(FILES)
    destination = world.folder / "tree"
    assert await world.source.changed_files(destination) == ["."]
    await world.source.fetch(world.spec, sha)
    await world.source.restore_files(world.spec, sha, destination, ["."])
    assert contents(destination) == EXPECTED


async def test_a_hand_over_can_be_recorded(world: World) -> None:
    sha = world.upstream.commit(FILES)
    destination = world.folder / "tree"
    await world.source.fetch(world.spec, sha)
    await world.source.check_out(world.spec, sha, destination)
    (destination / "app.py").write_text("app = 2\n")
    (destination / "pkg" / "data.bin").chmod(0o640)
    await world.source.record(destination)
    assert await world.source.changed_files(destination) == ["app.py"]
    with pytest.raises(SourceError):
        await world.source.record(world.folder / "nothing")


async def test_forgetting_twice_and_coming_back(world: World) -> None:
    sha = world.upstream.commit(FILES)
    await world.source.fetch(world.spec, sha)
    await world.source.forget(world.spec)
    await world.source.forget(world.spec)
    await world.source.fetch(world.spec, sha)
    assert len(await world.source.tree(world.spec, sha).entries()) == len(FILES)
