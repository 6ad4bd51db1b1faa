"""GitSource on mirrors and check-outs that a crash, or a hostile app, has damaged: it heals them, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.git import GitLimits, GitSource
from pullet.drivers.process import ProcessRunner
from tests.git_world import Repository, run

pytestmark = pytest.mark.real
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives files to another user")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop.git")


@pytest.fixture
def source(tmp_path: Path) -> GitSource:
    return GitSource(Home(tmp_path / "home"), ProcessRunner())


@pytest.fixture
def spec(repository: Repository) -> SourceSpec:
    return SourceSpec(str(repository.path))


def limited(tmp_path: Path, **limits: int) -> GitSource:
    return GitSource(Home(tmp_path / "home"), ProcessRunner(), limits=GitLimits(**limits))


def mirror_of(tmp_path: Path) -> Path:
    return next((tmp_path / "home" / "mirrors").glob("*.git"))


def leave_locks(mirror: Path) -> None:
    for name in ("shallow.lock", "packed-refs.lock", "config.lock", "refs/pullet/x.lock", "objects/pack/tmp_pack_x"):
        (mirror / name).touch()


def truncate_packs(mirror: Path) -> None:
    for pack in mirror.rglob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:20])


def empty_files(mirror: Path) -> None:
    for path in (mirror / "shallow", mirror / "HEAD", *(mirror / "refs" / "pullet").iterdir()):
        path.write_text("")


def remove_objects(mirror: Path) -> None:
    shutil.rmtree(mirror / "objects")


def garble_config(mirror: Path) -> None:
    (mirror / "config").write_text("[core\n")


@pytest.mark.parametrize(
    "damage", [leave_locks, truncate_packs, empty_files, remove_objects, garble_config, shutil.rmtree]
)
async def test_a_damaged_mirror_heals(
    repository: Repository, spec: SourceSpec, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    first = repository.commit({"a": "1"})
    await limited(tmp_path).fetch(spec, first)
    damage(mirror_of(tmp_path))
    second = repository.commit({"a": "2"}, "next")
    source = limited(tmp_path)
    assert (await source.poll(spec)).heads == {"main": first, "next": second}
    for number, sha in ((1, first), (2, second)):
        await source.fetch(spec, sha)
        await source.check_out(spec, sha, tmp_path / f"tree{number}")
        assert (tmp_path / f"tree{number}/a").read_text() == f"{number}"


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.03, 0.05])
async def test_a_kill_in_the_middle_of_a_fetch(
    repository: Repository, spec: SourceSpec, tmp_path: Path, moment: float
) -> None:
    sha = repository.commit({f"f{number}": f"{number}" * 5000 for number in range(50)})
    source = limited(tmp_path)
    fetching = asyncio.create_task(source.fetch(spec, sha))
    await asyncio.sleep(moment)  # not a synchronisation: any moment will do
    for pid in children_named_git():
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(pid, signal.SIGKILL)
    await asyncio.gather(fetching, return_exceptions=True)
    again = limited(tmp_path)
    await again.fetch(spec, sha)
    await again.check_out(spec, sha, tmp_path / "tree")
    assert len(list((tmp_path / "tree").iterdir())) == 50


def children_named_git() -> list[int]:
    listing = subprocess.run(("ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())), capture_output=True, check=False)
    return [int(line.split()[0]) for line in listing.stdout.decode().splitlines() if line.split()[1] == "git"]


async def test_fetches_of_one_mirror_do_not_meet(repository: Repository, source: GitSource, spec: SourceSpec) -> None:
    shas = [repository.commit({"a": f"{number}"}, f"b{number}") for number in range(8)]
    await asyncio.gather(*(source.fetch(spec, sha) for sha in shas + shas))
    for sha in shas:
        assert len(await source.tree(spec, sha).entries()) == 1


async def test_an_unfinished_check_out_is_never_seen(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({"a": "1"})
    destination = tmp_path / "tree"
    (tmp_path / ".tree.partial").mkdir()
    (tmp_path / ".tree.partial" / "rest").touch()
    (tmp_path / ".tree.partial.index.lock").touch()
    destination.mkdir()
    (destination / "half").touch()
    await source.check_out(spec, sha, destination)
    assert [path.name for path in destination.iterdir()] == ["a"]
    assert sorted(name for name in os.listdir(tmp_path) if "tree" in name) == ["tree", "tree.manifest"]  # noqa: PTH208


async def test_old_commits_are_forgotten_and_the_newest_kept(
    repository: Repository, spec: SourceSpec, tmp_path: Path
) -> None:
    source = limited(tmp_path, commits_kept=3)
    shas = [repository.commit({"a": f"{number}"}) for number in range(7)]
    for sha in shas:
        repository.git("update-ref", "refs/heads/main", sha)
        await source.fetch(spec, sha)
    kept = {path.name for path in (mirror_of(tmp_path) / "refs" / "pullet").iterdir()}
    assert kept < set(shas) and shas[-1] in kept and len(kept) <= 5
    await source.check_out(spec, shas[-1], tmp_path / "tree")


async def test_sha256_repositories(source: GitSource, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "new.git", options=("--object-format=sha256",))
    sha = repository.commit({"a": "1"})
    spec = SourceSpec(str(repository.path))
    assert (await source.poll(spec)).heads == {"main": sha}
    await source.fetch(spec, sha)
    await source.check_out(spec, sha, tmp_path / "tree")
    os.utime(tmp_path / "tree/a", ns=(1, 1))
    assert await source.changed_files(tmp_path / "tree") == []


async def test_a_restored_file_has_its_old_time_so_that_bytecode_stays_right(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({"a.py": "x = 1\n"})
    file = tmp_path / "tree" / "a.py"
    await source.check_out(spec, sha, tmp_path / "tree")
    before = file.stat()
    file.write_text("x = 2\n")
    os.utime(file, ns=(before.st_mtime_ns + 10**10, before.st_mtime_ns + 10**10))
    await source.restore_files(spec, sha, tmp_path / "tree", ["a.py"])
    assert (file.read_text(), file.stat().st_mtime_ns, file.stat().st_mode) == (
        "x = 1\n",
        before.st_mtime_ns,
        before.st_mode,
    )


async def test_restoring_follows_no_link_that_the_app_put_there(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({"pkg/a.py": "1", "b.py": "2", "c.py": "3", "d/e/f.py": "4"})
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("1")
    (outside / "b").write_text("2")
    await source.check_out(spec, sha, tree)
    shutil.rmtree(tree / "pkg")
    (tree / "pkg").symlink_to(outside)
    (tree / "b.py").unlink()
    (tree / "b.py").symlink_to(outside / "b")
    (tree / "c.py").unlink()
    (tree / "c.py").mkdir()
    (tree / "c.py" / "x").touch()
    shutil.rmtree(tree / "d")
    (tree / "d").write_text("a file")
    os.mkfifo(tree / "pipe")
    before = {path: path.stat() for path in outside.iterdir()}
    changed = await source.changed_files(tree)
    assert sorted(changed) == ["b.py", "c.py", "d/e/f.py", "pkg/a.py"]
    await source.restore_files(spec, sha, tree, changed)
    assert await source.changed_files(tree) == []
    assert not (tree / "pkg").is_symlink() and stat.S_ISREG((tree / "b.py").lstat().st_mode)
    assert {path: path.stat() for path in outside.iterdir()} == before


@as_root
async def test_a_restored_file_belongs_to_the_app(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({"pkg/a.py": "1", "b.py": "2"})
    tree = tmp_path / "tree"
    await source.check_out(spec, sha, tree)
    for path in (tree, *tree.rglob("*")):
        os.chown(path, 12345, 12345)
    assert await source.changed_files(tree) == []
    await source.record(tree)
    shutil.rmtree(tree / "pkg")
    await source.restore_files(spec, sha, tree, await source.changed_files(tree))
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in (tree, *tree.rglob("*"))} == {(12345, 12345)}


async def test_a_file_in_place_of_another_of_equal_size_and_time_is_drift(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({"a": "1111"})
    file = tmp_path / "tree" / "a"
    await source.check_out(spec, sha, tmp_path / "tree")
    before = file.stat()
    file.write_text("2222")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await source.changed_files(tmp_path / "tree") == ["a"]


async def test_shallow_clones_and_alternates_as_sources(
    repository: Repository, source: GitSource, tmp_path: Path
) -> None:
    sha = repository.commit({"a": "1"})
    run("clone", "--quiet", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow"))
    run("clone", "--quiet", "--shared", str(repository.path), str(tmp_path / "shared"))
    for name in ("shallow", "shared"):
        spec = SourceSpec(str(tmp_path / name))
        assert (await source.poll(spec)).heads == {"main": sha}
        await source.fetch(spec, sha)
