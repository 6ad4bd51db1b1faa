"""GitSource over smart HTTP and ssh: cheap polls, fetches, and clear words when the other side does not play along."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pullet.domain.errors import SourceError, SourceRefused
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.git import GitLimits, GitSource
from pullet.drivers.process import ProcessRunner
from tests.git_servers import Behaviour, fake_ssh, http_server
from tests.git_world import Repository

pytestmark = pytest.mark.real


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "srv" / "shop.git")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Behaviour]]:
    (tmp_path / "srv").mkdir(exist_ok=True)
    with http_server(tmp_path / "srv") as started:
        yield started


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[GitSource]:
    made = GitSource(Home(tmp_path / "home"), ProcessRunner(), limits=GitLimits(answer_seconds=5))
    yield made
    await made.close()


async def test_http_polls_share_one_connection_and_need_one_request_each(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource
) -> None:
    url, behaviour = server
    spec = SourceSpec(f"{url}/shop.git")
    first = repository.commit({"a": "1"})
    repository.tag("v1", first, annotated=True)
    refs = await source.poll(spec)
    assert (dict(refs.heads), dict(refs.tags), refs.default_branch) == ({"main": first}, {"v1": first}, "main")
    for number in range(3):
        sha = repository.commit({"a": f"{number + 2}"})
        assert (await source.poll(spec)).heads == {"main": sha}
    assert [method for method, _, _ in behaviour.requests] == ["GET", "POST", "POST", "POST", "POST"]
    assert behaviour.connections == 1


async def test_http_fetch_and_check_out(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource, tmp_path: Path
) -> None:
    spec = SourceSpec(f"{server[0]}/shop.git")
    sha = repository.commit({"a": "1", "b/c": "2"})
    await source.fetch(spec, sha)
    await source.check_out(spec, sha, tmp_path / "tree")
    assert (tmp_path / "tree/b/c").read_text() == "2"


async def test_an_old_server_is_asked_by_git_itself(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource
) -> None:
    url, behaviour = server
    behaviour.version2 = False
    spec = SourceSpec(f"{url}/shop.git")
    sha = repository.commit({"a": "1"})
    for _ in range(2):
        assert (await source.poll(spec)).heads == {"main": sha}
    await source.fetch(spec, sha)
    with pytest.raises(SourceError, match="no longer has the commit"):
        await source.fetch(spec, "1" * 40)


async def test_an_old_server_gives_a_commit_that_is_no_tip_with_its_branch(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource
) -> None:
    url, behaviour = server
    behaviour.version2 = False
    first = repository.commit({"a": "1"})
    second = repository.git("commit-tree", "-p", first, "-m", "2", f"{first}^{{tree}}")
    repository.git("update-ref", "refs/heads/main", second)
    await source.fetch(SourceSpec(f"{url}/shop.git"), first)
    assert [entry.path for entry in await source.tree(SourceSpec(f"{url}/shop.git"), first).entries()] == ["a"]


async def test_a_password_is_used_and_never_shown(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource
) -> None:
    url, behaviour = server
    behaviour.password = "s3cr%t"
    sha = repository.commit({"a": "1"})
    authority = url.removeprefix("http://")
    good = SourceSpec(f"http://ada:s3cr%25t@{authority}/shop.git")
    assert (await source.poll(good)).heads == {"main": sha}
    await source.fetch(good, sha)
    for user in ("", "ada:wrong-one@"):
        spec = SourceSpec(f"http://{user}{authority}/shop.git")
        for attempt in (source.poll(spec), source.fetch(spec, sha)):
            with pytest.raises(SourceError, match="wants a user and a password") as caught:
                await attempt
            assert "token" in caught.value.hint
            assert "wrong-one" not in str(caught.value)


async def test_a_redirect_is_followed_once_and_remembered(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource
) -> None:
    url, behaviour = server
    behaviour.redirect = "/moved"
    sha = repository.commit({"a": "1"})
    for _ in range(2):
        assert (await source.poll(SourceSpec(f"{url}/shop.git"))).heads == {"main": sha}
    assert [(method, path.split("?")[0]) for method, path, _ in behaviour.requests] == [
        ("GET", "/shop.git/info/refs"),
        ("GET", "/moved/shop.git/info/refs"),
        ("POST", "/moved/shop.git/git-upload-pack"),
        ("POST", "/moved/shop.git/git-upload-pack"),
    ]


@pytest.mark.parametrize(
    ("status", "message"), [(404, "is not a git repository"), (403, "wants a user"), (503, "cannot be read now")]
)
async def test_statuses_have_words(server: tuple[str, Behaviour], source: GitSource, status: int, message: str) -> None:
    server[1].status = status
    with pytest.raises(SourceError, match=message) as caught:
        await source.poll(SourceSpec(f"{server[0]}/shop.git"))
    assert caught.value.hint


async def test_a_server_that_went_away_and_comes_back(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource
) -> None:
    url, behaviour = server
    spec = SourceSpec(f"{url}/shop.git")
    sha = repository.commit({"a": "1"})
    await source.poll(spec)
    behaviour.status = 500
    with pytest.raises(SourceError):
        await source.poll(spec)
    behaviour.status = 0
    assert (await source.poll(spec)).heads == {"main": sha}


async def test_nobody_listens(source: GitSource) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    spec = SourceSpec(f"http://127.0.0.1:{port}/shop.git")
    for attempt in (source.poll(spec), source.fetch(spec, "1" * 40)):
        with pytest.raises(SourceError, match="cannot be reached") as caught:
            await attempt
        assert caught.value.hint


async def test_a_server_that_never_answers(tmp_path: Path) -> None:
    source = GitSource(
        Home(tmp_path / "home"), ProcessRunner(), limits=GitLimits(answer_seconds=0.2, fetch_seconds=0.5)
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = SourceSpec(f"http://127.0.0.1:{silent.getsockname()[1]}/shop.git")
        for attempt in (source.poll(spec), source.fetch(spec, "1" * 40)):
            with pytest.raises(SourceError, match="did not answer in time"):
                await attempt


async def test_a_page_that_is_no_repository(server: tuple[str, Behaviour], source: GitSource) -> None:
    with pytest.raises(SourceError, match="is not a git repository"):
        await source.poll(SourceSpec(f"{server[0]}/nothing.git"))


async def test_ssh(repository: Repository, tmp_path: Path) -> None:
    command, notes = fake_ssh(tmp_path)
    source = GitSource(Home(tmp_path / "home"), ProcessRunner(), ssh_command=command)
    sha = repository.commit({"a": "1"})
    for url in (f"ssh://git@example.org{repository.path}", f"git@example.org:{repository.path}"):
        assert (await source.poll(SourceSpec(url))).heads == {"main": sha}
        await source.fetch(SourceSpec(url), sha)
    assert "git@example.org" in notes.read_text()


@pytest.mark.parametrize("filters", [False, True])
async def test_a_file_over_the_limit_is_refused_by_name_and_not_transferred_where_the_server_filters(
    repository: Repository, server: tuple[str, Behaviour], tmp_path: Path, filters: bool
) -> None:
    url, behaviour = server
    behaviour.filters = filters
    limits = GitLimits(blob_bytes=100_000)
    source = GitSource(Home(tmp_path / "home"), ProcessRunner(), limits=limits)
    sha = repository.commit({"a": "1", "data/huge.bin": random.Random(1).randbytes(300_000)})
    with pytest.raises(SourceRefused, match=r"data/huge\.bin.*limit"):
        await source.fetch(SourceSpec(f"{url}/shop.git"), sha)
    packs = sum(pack.stat().st_size for pack in (tmp_path / "home").rglob("*.pack"))
    assert (packs < 100_000) == filters


def with_submodule(repository: Repository, files: dict[str, str], path: str, url: str, sha: str) -> str:
    flat = {name: f"100644 blob {repository.blob(data.encode())}" for name, data in files.items()}
    modules = f'[submodule "lib"]\n\tpath = {path}\n\turl = {url}\n'.encode()
    flat[".gitmodules"] = f"100644 blob {repository.blob(modules)}"
    flat[path] = f"160000 commit {sha}"
    return repository.commit_tree(repository.nested(flat))


async def test_submodules_are_fetched_where_the_source_says_so(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource, tmp_path: Path
) -> None:
    base, behaviour = server
    behaviour.password = "secret"
    base = base.replace("//", "//ada:secret@")
    deep = Repository(tmp_path / "srv" / "deep.git")
    lib = Repository(tmp_path / "srv" / "lib.git")
    inner = with_submodule(lib, {"lib.py": "1"}, "deep", f"{base}/deep.git", deep.commit({"deep.py": "2"}))
    sha = with_submodule(repository, {"app.py": "3"}, "vendor/lib", "../lib.git", inner)
    spec = SourceSpec(f"{base}/shop.git", submodules=True)
    tree = tmp_path / "tree"
    await source.fetch(spec, sha)
    await source.check_out(spec, sha, tree)
    assert (tree / "vendor/lib/lib.py").read_text() + (tree / "vendor/lib/deep/deep.py").read_text() == "12"
    (tree / "vendor/lib/lib.py").write_text("changed")
    assert await source.changed_files(tree) == ["vendor/lib/lib.py"]
    await source.restore_files(spec, sha, tree, ["vendor/lib/lib.py"])
    assert await source.changed_files(tree) == []


async def test_submodules_stay_empty_by_default(
    repository: Repository, source: GitSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pullet")
    sha = with_submodule(repository, {"app.py": "3"}, "lib", "https://example.org/x.git", "1" * 40)
    spec = SourceSpec(str(repository.path))
    await source.fetch(spec, sha)
    assert {entry.path: entry.kind for entry in await source.tree(spec, sha).entries()}["lib"] == "submodule"
    await source.check_out(spec, sha, tmp_path / "tree")
    assert list((tmp_path / "tree/lib").iterdir()) == []
    assert "'lib'" in caplog.text
    assert await source.changed_files(tmp_path / "tree") == []


@pytest.mark.parametrize("url", ["/etc", "../other.git", "file:///etc", "ext::sh -c x", "-oProxyCommand=x"])
async def test_a_submodule_may_not_name_what_is_on_this_box(
    repository: Repository, source: GitSource, tmp_path: Path, url: str
) -> None:
    Repository(tmp_path / "srv" / "other.git")
    sha = with_submodule(repository, {"app.py": "3"}, "lib", url, "1" * 40)
    spec = SourceSpec(str(repository.path), submodules=True)
    with pytest.raises(SourceRefused) as caught:
        await source.fetch(spec, sha)
        await source.check_out(spec, sha, tmp_path / "tree")
    assert caught.value.hint
    assert not (tmp_path / "tree").exists()


async def test_a_link_may_not_escape_by_way_of_a_submodule(
    repository: Repository, server: tuple[str, Behaviour], source: GitSource, tmp_path: Path
) -> None:
    lib = Repository(tmp_path / "srv" / "lib.git")
    inner = lib.commit({"a": "1"}, links={"here": "."})
    modules = f'[submodule "lib"]\n\tpath = lib\n\turl = {server[0]}/lib.git\n'.encode()
    flat = {
        ".gitmodules": f"100644 blob {repository.blob(modules)}",
        "lib": f"160000 commit {inner}",
        "out": f"120000 blob {repository.blob(b'lib/here/../../x')}",
    }
    sha = repository.commit_tree(repository.nested(flat))
    with pytest.raises(SourceRefused, match="'out' leads out"):
        await source.check_out(SourceSpec(str(repository.path), submodules=True), sha, tmp_path / "tree")
