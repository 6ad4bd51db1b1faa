"""GitSource on repositories that mean harm, or are merely odd."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from pullet.domain.errors import SourceError, SourceRefused
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.git import GitLimits, GitSource
from pullet.drivers.process import ProcessRunner
from tests.git_world import Repository

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


ODD_NAMES = (
    "-oProxyCommand=touch x",
    "--upload-pack=x",
    "new\nline",
    'tab\t"quote',
    "ünïcode",
    "\udcff\udcfe",
    "x" * 200,
    " ",
    "a\\b",
)


FORBIDDEN = (
    *("ext::sh -c touch% x", "fd::3", "-oProxyCommand=x", "--upload-pack=x", "ssh://-oProxyCommand=x/y", "-x:y"),
    *("shop", "", "a\nb:c", "ftp://host/x", "git://host/x", "http://", "file://host/x", "https://-x/y", "ssh://[::1/x"),
)


async def test_odd_file_names_are_only_names(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({name: f"<{number}>" for number, name in enumerate(ODD_NAMES)})
    await source.fetch(spec, sha)
    tree = source.tree(spec, sha)
    assert {entry.path for entry in await tree.entries()} == set(ODD_NAMES)
    assert await tree.read(ODD_NAMES) == {name: f"<{number}>".encode() for number, name in enumerate(ODD_NAMES)}
    destination = tmp_path / "tree"
    await source.check_out(spec, sha, destination)
    assert sorted(os.listdir(destination)) == sorted(ODD_NAMES)  # noqa: PTH208 - bytes that are not UTF-8
    for name in ODD_NAMES:
        os.unlink(f"{destination}/{name}")  # noqa: PTH108
    changed = await source.changed_files(destination)
    assert sorted(changed) == sorted(ODD_NAMES)
    await source.restore_files(spec, sha, destination, changed)
    assert await source.changed_files(destination) == []


@pytest.mark.parametrize(
    "branch", ["-rf", "--upload-pack=touch${IFS}x", "ветка", "b" * 200, "a/b/c", "refs/heads/main", "HEAD"]
)
async def test_odd_branch_names_are_only_names(
    repository: Repository, source: GitSource, spec: SourceSpec, branch: str
) -> None:
    sha = repository.commit({"a": "1"}, branch)
    assert (await source.poll(spec)).heads == {branch: sha}
    await source.fetch(spec, sha)


async def test_malformed_refs_are_left_out(repository: Repository, source: GitSource, spec: SourceSpec) -> None:
    sha = repository.commit({"a": "1"})
    heads = repository.path / "refs" / "heads"
    (heads / "bad name").write_text(sha)
    (heads / "half").write_text(sha[:20])
    (heads / "outside").write_text("ref: ../../../etc/passwd")
    (heads / "loop").write_text("ref: refs/heads/loop")
    (heads / "alias").write_text("ref: refs/heads/main")
    assert (await source.poll(spec)).heads == {"main": sha, "alias": sha}


async def test_a_pipe_in_place_of_a_ref_blocks_nobody(
    repository: Repository, source: GitSource, spec: SourceSpec
) -> None:
    sha = repository.commit({"a": "1"})
    os.mkfifo(repository.path / "refs" / "heads" / "pipe")
    async with asyncio.timeout(10):
        assert (await source.poll(spec)).heads == {"main": sha}


@pytest.mark.parametrize(
    ("links", "named"),
    [
        ({"l": "/etc/passwd"}, "'l' is absolute"),
        ({"a/l": "../../x"}, "'a/l' leads out"),
        ({"l": "a/../../x"}, "'l' leads out"),
        ({"in": "sub", "sub/l": "..", "z": "in/l/../.."}, "'z' leads out"),
        ({"one": "two", "two": "one"}, "'one' leads to itself"),
        ({"self": "self"}, "'self' leads to itself"),
        ({"deep": "deep/deep"}, "'deep' leads to itself"),
        ({"l": "x" * 5000}, "'l' is too long"),
    ],
)
async def test_links_that_leave_the_tree_are_refused_by_name(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path, links: dict[str, str], named: str
) -> None:
    sha = repository.commit({"app.py": ""}, links=links)
    with pytest.raises(SourceRefused, match=named) as caught:
        await source.fetch(spec, sha)
        await source.check_out(spec, sha, tmp_path / "tree")
    assert caught.value.hint or "fsck" in caught.value.context
    assert not (tmp_path / "tree").exists()


async def test_links_inside_the_tree_are_kept(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    links = {"current": "v1", "v1/up": "../app.py", "dangling": "made/later", "v1/here": "."}
    sha = repository.commit({"app.py": "1", "v1/x": ""}, links=links)
    await source.check_out(spec, sha, tmp_path / "tree")
    assert {path: os.readlink(tmp_path / "tree" / path) for path in links} == links  # noqa: PTH115
    (tmp_path / "tree/v1/up").unlink()
    (tmp_path / "tree/v1/up").symlink_to("/etc/passwd")
    assert await source.changed_files(tmp_path / "tree") == ["v1/up"]
    await source.restore_files(spec, sha, tmp_path / "tree", ["v1/up"])
    assert os.readlink(tmp_path / "tree/v1/up") == "../app.py"  # noqa: PTH115


@pytest.mark.parametrize("name", [".git", "..", ".", ".GIT"])
async def test_names_that_git_keeps_for_itself(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path, name: str
) -> None:
    inner = repository.tree({"config": f"100644 blob {repository.blob(b'x')}"})
    sha = repository.commit_tree(repository.tree({name: f"040000 tree {inner}"}))
    with pytest.raises(SourceRefused):
        await source.fetch(spec, sha)
    with pytest.raises(SourceRefused):
        await source.check_out(spec, sha, tmp_path / "tree")


async def test_more_files_than_the_limit(repository: Repository, spec: SourceSpec, tmp_path: Path) -> None:
    sha = repository.commit({f"f{number}": "" for number in range(6)})
    await limited(tmp_path, files=6).fetch(spec, sha)
    with pytest.raises(SourceRefused, match="more than 5 files"):
        await limited(tmp_path, files=5).fetch(spec, sha)


async def test_a_tree_that_unfolds_without_end(repository: Repository, spec: SourceSpec, tmp_path: Path) -> None:
    facts = f"100644 blob {repository.blob(b'x')}"
    for _ in range(9):  # 10 to the power of 10 files
        tree = repository.tree({f"d{number}": facts for number in range(10)})
        facts = f"040000 tree {tree}"
    sha = repository.commit_tree(tree)
    source = GitSource(Home(tmp_path / "home"), ProcessRunner(), limits=GitLimits(local_seconds=1.0))
    with pytest.raises(SourceRefused, match="more than 100,000 files"):
        await source.fetch(spec, sha)


async def test_a_file_over_the_limit(repository: Repository, spec: SourceSpec, tmp_path: Path) -> None:
    sha = repository.commit({"fine": "x" * 1000, "data/big.bin": "x" * 1001})
    source = limited(tmp_path, blob_bytes=1000)
    for _ in range(2):
        with pytest.raises(SourceRefused, match=r"data/big\.bin.*1000 bytes"):
            await source.fetch(spec, sha)
    with pytest.raises(SourceRefused, match=r"data/big\.bin"):
        await source.check_out(spec, sha, tmp_path / "tree")


async def test_more_bytes_than_the_limit(repository: Repository, spec: SourceSpec, tmp_path: Path) -> None:
    sha = repository.commit({"one": "x" * 600, "two": "y" * 700})
    with pytest.raises(SourceRefused, match=r"1\.3 KB; the limit is 1000 bytes") as caught:
        await limited(tmp_path, total_bytes=1000).fetch(spec, sha)
    assert "'two'" in caught.value.context


async def test_lfs_pointers_are_refused_by_name(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
    sha = repository.commit({"app.py": "", "static/logo.png": pointer})
    with pytest.raises(SourceRefused, match=r"static/logo\.png.*LFS") as caught:
        await source.check_out(spec, sha, tmp_path / "tree")
    assert "git lfs migrate export" in caught.value.hint
    assert os.listdir(tmp_path).count("tree") == 0  # noqa: PTH208


async def test_nothing_of_the_repository_is_run(
    repository: Repository, source: GitSource, spec: SourceSpec, tmp_path: Path
) -> None:
    sha = repository.commit({".gitattributes": "* filter=evil diff=evil\n", "a": "1", ".gitmodules": ""})
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "filter.evil.smudge", "uploadpack.packObjectsHook", "core.sshCommand", "core.pager"):
        repository.git("config", key, str(script))
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (repository.path / "hooks").mkdir(exist_ok=True)
        shutil.copy(script, repository.path / "hooks" / hook)
    await source.poll(spec)
    await source.fetch(spec, sha)
    await source.check_out(spec, sha, tmp_path / "tree")
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "tree/a").read_text() == "1"


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_addresses_that_git_must_not_see(source: GitSource, url: str) -> None:
    with pytest.raises(SourceRefused) as caught:
        await source.poll(SourceSpec(url))
    assert caught.value.hint


async def test_file_urls_work_trees_and_worktrees(source: GitSource, tmp_path: Path) -> None:
    plain = Repository(tmp_path / "a folder", bare=False)
    sha = plain.commit({"a": "1"})
    plain.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"), sha)
    for url, default in (
        (f"file://{tmp_path}/a%20folder", "main"),
        (str(tmp_path / "a folder"), "main"),
        (str(tmp_path / "a folder" / ".git"), "main"),
        (str(tmp_path / "side"), "side"),
    ):
        refs = await source.poll(SourceSpec(url))
        assert (dict(refs.heads), refs.default_branch) == ({"main": sha, "side": sha}, default)
        await source.fetch(SourceSpec(url), sha)


async def test_packed_refs_and_annotated_tags(repository: Repository, source: GitSource, spec: SourceSpec) -> None:
    sha = repository.commit({"a": "1"})
    repository.tag("loose", sha, annotated=True)
    assert (await source.poll(spec)).tags == {"loose": sha}
    repository.git("pack-refs", "--all")
    repository.tag("light", sha)
    assert (await source.poll(spec)).tags == {"loose": sha, "light": sha}
    assert (await source.poll(spec)).heads == {"main": sha}


async def test_what_is_not_a_repository(source: GitSource, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("plain", "file"):
        with pytest.raises(SourceError, match="is not a git repository") as caught:
            await source.poll(SourceSpec(str(tmp_path / name)))
        assert caught.value.hint
        with pytest.raises(SourceError, match="is not a git repository"):
            await source.fetch(SourceSpec(str(tmp_path / name)), "1" * 40)


@as_root
async def test_a_repository_of_another_user(repository: Repository, source: GitSource, spec: SourceSpec) -> None:
    sha = repository.commit({"a": "1"})
    repository.tag("v1", sha, annotated=True)
    for path in (repository.path, *repository.path.rglob("*")):
        os.chown(path, 65534, 65534)
    assert (await source.poll(spec)).tags == {"v1": sha}
    await source.fetch(spec, sha)
