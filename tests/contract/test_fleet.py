"""The fleet's contract: a fake in memory, the local repository on real git, and a remote one through a fake source."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pullet.config.fleet_edit import new_app_file, set_suspended, set_variable
from pullet.domain.errors import ConfigError, PulletError, SourceError, UsageError
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.fleet import LocalFleet, RemoteFleet
from pullet.drivers.process import ProcessRunner
from pullet.ports import Fleet, Refs, Tree, TreeEntry
from tests.fakes.fleet import FakeFleet

SHOP = new_app_file("shop", "https://git.example.org/shop.git", "main")
SUSPENDED = set_suspended("shop", SHOP, "production", True)
BLOG = new_app_file("blog", "https://git.example.org/blog.git", "main")
APPS = Path("targets/local/apps")

ByHand = Callable[[str, str | None], None]


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-c", f"safe.directory={folder}", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def local(home: Home) -> LocalFleet:
    return LocalFleet(home, "local", ProcessRunner())


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.real)])
def fleet(request: pytest.FixtureRequest, local: LocalFleet) -> Fleet:
    return FakeFleet() if request.param == "fake" else local


@pytest.fixture
def by_hand(fleet: Fleet, home: Home) -> ByHand:
    """A commit that somebody makes without asking Pullet."""

    def commit(app: str, text: str | None) -> None:
        if isinstance(fleet, FakeFleet):
            return fleet.edit_by_hand(app, text)
        file = home.fleet / APPS / f"{app}.toml"
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        git(home.fleet, "add", "--all")
        git(home.fleet, "commit", "--quiet", "-m", "by hand")
        return None

    return commit


async def write(fleet: Fleet, app: str, text: str | None, reason: str = "because") -> str:
    return await fleet.write(app, text, author="Ada", reason=reason)


# Every fleet that can be written


async def test_it_begins_empty(fleet: Fleet) -> None:
    state = await fleet.read()
    assert (state.apps, state.errors, state.unreadable) == ((), (), frozenset())
    assert await fleet.text("shop") is None


async def test_what_is_written_is_read(fleet: Fleet) -> None:
    first = await write(fleet, "shop", SHOP)
    second = await write(fleet, "blog", BLOG)
    state = await fleet.read()
    assert first != second == state.commit
    assert [app.app for app in state.apps] == ["blog", "shop"]
    assert await fleet.text("shop") == SHOP
    assert await fleet.read() == state


async def test_the_same_text_again_is_no_commit(fleet: Fleet) -> None:
    first = await write(fleet, "shop", SHOP)
    assert await write(fleet, "shop", SHOP) == first
    assert await write(fleet, "blog", None) == first


async def test_removing(fleet: Fleet) -> None:
    await write(fleet, "shop", SHOP)
    await write(fleet, "shop", None)
    assert (await fleet.read()).apps == ()
    assert await fleet.text("shop") is None


async def test_a_text_that_could_not_be_read_back_is_never_committed(fleet: Fleet) -> None:
    first = await write(fleet, "shop", SHOP)
    with pytest.raises(ConfigError, match="brnach"):
        await write(fleet, "shop", SHOP.replace("branch", "brnach"))
    assert (await fleet.read()).commit == first


@pytest.mark.parametrize("name", ["../x", "Shop", "", "-x"])
async def test_an_unsafe_name_is_refused(fleet: Fleet, name: str) -> None:
    with pytest.raises(UsageError):
        await write(fleet, name, SHOP)
    with pytest.raises(UsageError):
        await fleet.text(name)


async def test_a_mistake_keeps_the_last_good_reading(fleet: Fleet, by_hand: ByHand) -> None:
    await write(fleet, "shop", SHOP)
    await write(fleet, "blog", BLOG)
    before = (await fleet.read()).apps
    by_hand("shop", "[source")
    state = await fleet.read()
    assert state.apps == before
    assert state.unreadable == {"shop"}
    ((file, message),) = state.errors
    assert file == "targets/local/apps/shop.toml"
    assert "not valid TOML" in message
    by_hand("shop", SUSPENDED)
    state = await fleet.read()
    assert (state.errors, state.unreadable) == ((), frozenset())
    assert state.apps[1].environments[0].suspended


async def test_an_app_that_was_never_read_well_is_named_as_unreadable(fleet: Fleet, by_hand: ByHand) -> None:
    await fleet.read()
    by_hand("shop", "nonsense = 1")
    state = await fleet.read()
    assert (state.apps, state.unreadable) == ((), frozenset({"shop"}))
    by_hand("shop", None)
    assert (await fleet.read()).unreadable == frozenset()


async def test_writers_at_the_same_time_lose_nothing(fleet: Fleet) -> None:
    texts = {f"app{n}": new_app_file(f"app{n}", "/srv/repo", "main") for n in range(8)}
    await asyncio.gather(*(write(fleet, app, text) for app, text in texts.items()))
    assert {app.app for app in (await fleet.read()).apps} == set(texts)


# The local repository


@pytest.mark.real
async def test_a_commit_has_author_and_reason_and_is_shown_in_the_work_tree(local: LocalFleet, home: Home) -> None:
    await local.write("shop", SHOP, author="Ada <ada@example.org>", reason="Deploy the shop\n\nfrom main")
    assert git(home.fleet, "log", "-1", "--format=%an|%ae|%cn|%B").strip() == (
        "Ada|ada@example.org|Pullet|Deploy the shop\n\nfrom main"
    )
    assert (home.fleet / APPS / "shop.toml").read_text() == SHOP
    assert git(home.fleet, "status", "--porcelain") == ""
    await write(local, "shop", None)
    assert not (home.fleet / APPS / "shop.toml").exists()
    assert git(home.fleet, "status", "--porcelain") == ""
    git(home.fleet, "fsck", "--strict")


@pytest.mark.real
@pytest.mark.parametrize("author", ["", "a\nb", "<x>", "x <y> <z>", "\0", "\udcff", "data 5"])
async def test_a_hostile_author_is_only_a_name(local: LocalFleet, home: Home, author: str) -> None:
    await local.write("shop", SHOP, author=author, reason="reset refs/heads/main\n\0\udcff")
    assert git(home.fleet, "rev-list", "--count", "HEAD").strip() == "2"
    git(home.fleet, "fsck", "--strict")


@pytest.mark.real
async def test_a_person_may_pack_and_amend(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    git(home.fleet, "gc", "--quiet")
    assert (await local.read()).commit == git(home.fleet, "rev-parse", "HEAD").strip()
    git(home.fleet, "commit", "--amend", "--quiet", "-m", "other words")
    assert (await local.read()).commit == git(home.fleet, "rev-parse", "HEAD").strip()
    git(home.fleet, "switch", "--quiet", "-c", "trial")
    await write(local, "shop", SUSPENDED)
    assert git(home.fleet, "rev-parse", "trial") != git(home.fleet, "rev-parse", "main")


@pytest.mark.real
async def test_what_somebody_edits_is_neither_swept_in_nor_lost(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    await write(local, "blog", BLOG)
    apps = home.fleet / APPS
    (apps / "blog.toml").write_text("# an edit")
    (apps / "new.toml").write_text("# a new file")
    git(home.fleet, "add", str(APPS / "new.toml"))
    await write(local, "shop", SUSPENDED)
    assert git(home.fleet, "show", "--name-only", "--format=").split() == [str(APPS / "shop.toml")]
    assert git(home.fleet, "status", "--porcelain").splitlines() == [
        f" M {APPS / 'blog.toml'}",
        f"A  {APPS / 'new.toml'}",
    ]
    assert (apps / "blog.toml").read_text() == "# an edit"


@pytest.mark.real
async def test_a_file_that_somebody_edits_is_not_overwritten(local: LocalFleet, home: Home) -> None:
    first = await write(local, "shop", SHOP)
    (home.fleet / APPS / "shop.toml").write_text("# an edit")
    with pytest.raises(UsageError, match="not committed"):
        await write(local, "shop", SUSPENDED)
    assert (await local.read()).commit == first
    assert (home.fleet / APPS / "shop.toml").read_text() == "# an edit"


@pytest.mark.real
async def test_a_rebase_in_the_work_tree_is_not_taken_for_what_is_wanted(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    git(home.fleet, "checkout", "--quiet", "--detach", "HEAD")
    with pytest.raises(SourceError, match="on no branch"):
        await local.read()
    git(home.fleet, "switch", "--quiet", "main")
    assert len((await local.read()).apps) == 1


@pytest.mark.real
async def test_a_lock_of_another_git_stops_no_commit_and_stays(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    lock = home.fleet / ".git" / "index.lock"
    lock.write_text("")
    await write(local, "shop", SUSPENDED)
    await write(local, "blog", BLOG)
    assert lock.exists()
    assert [app.app for app in (await local.read()).apps] == ["blog", "shop"]
    assert (home.fleet / APPS / "shop.toml").read_text() == SUSPENDED
    lock.unlink()
    await local.read()
    assert git(home.fleet, "status", "--porcelain") == ""


@pytest.mark.real
async def test_nobody_else_reads_it(local: LocalFleet, home: Home) -> None:
    """A source's URL may carry a token."""
    await write(local, "shop", SHOP)
    assert home.fleet.stat().st_mode & 0o077 == 0


@pytest.mark.real
async def test_a_fleet_that_vanished_is_no_wish_to_remove_everything(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    home.fleet.rename(home.root / "elsewhere")
    for one in (local, LocalFleet(home, "local", ProcessRunner())):
        with pytest.raises(SourceError, match="vanished"):
            await one.read()
        with pytest.raises(SourceError, match="vanished"):
            await write(one, "blog", BLOG)
    (home.root / "elsewhere").rename(home.fleet)
    assert len((await local.read()).apps) == 1


@pytest.mark.real
async def test_a_directory_that_vanished_is_a_mistake_too(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    git(home.fleet, "rm", "-r", "--quiet", "targets")
    git(home.fleet, "commit", "--quiet", "--allow-empty", "-m", "oops")
    with pytest.raises(ConfigError, match="no directory targets/local"):
        await local.read()
    git(home.fleet, "reset", "--quiet", "--hard", "HEAD~")
    assert len((await local.read()).apps) == 1


@pytest.mark.real
async def test_links_and_giants_are_unreadable_not_followed(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    apps = home.fleet / APPS
    (apps / "link.toml").symlink_to("shop.toml")
    (apps / "giant.toml").write_text("#" * (300 << 10))
    (apps / "folder.toml").mkdir()
    (apps / "folder.toml" / "x").write_text("")
    (apps / "Bad Name.toml").write_text(SHOP)
    (apps / "latin.toml").write_bytes(b"# \xff")
    git(home.fleet, "add", "--all")
    git(home.fleet, "commit", "--quiet", "-m", "hostile")
    state = await local.read()
    assert [app.app for app in state.apps] == ["shop"]
    assert state.unreadable == {"link", "giant", "folder", "Bad Name", "latin"}


@pytest.mark.real
async def test_something_else_in_the_place_is_left_alone(local: LocalFleet, home: Home) -> None:
    home.fleet.mkdir(parents=True)
    (home.fleet / "precious").write_text("")
    with pytest.raises(SourceError, match="no git repository"):
        await local.read()
    assert (home.fleet / "precious").exists()


@pytest.mark.real
async def test_a_damaged_repository_is_an_error_not_an_empty_fleet(local: LocalFleet, home: Home) -> None:
    await write(local, "shop", SHOP)
    shutil.rmtree(home.fleet / ".git" / "objects")
    with pytest.raises(PulletError):
        await LocalFleet(home, "local", ProcessRunner()).read()


WRITER = """
import asyncio, sys
from pathlib import Path
from pullet.config.fleet_edit import new_app_file, set_variable
from pullet.domain.home import Home
from pullet.drivers.fleet import LocalFleet
from pullet.drivers.process import ProcessRunner

async def main():
    app = sys.argv[2]
    fleet = LocalFleet(Home(Path(sys.argv[1])), "local", ProcessRunner())
    text = new_app_file(app, "/srv/repo", "main")
    for number in range(int(sys.argv[3]), int(sys.argv[4])):
        text = set_variable(app, text, "production", "N", str(number))
        print(number, await fleet.write(app, text, author="Ada", reason=str(number)), flush=True)

asyncio.run(main())
"""


def writer(home: Home, app: str, first: int, last: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(home.root), app, str(first), str(last)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


@pytest.mark.real
async def test_processes_that_write_at_the_same_time_lose_nothing(local: LocalFleet, home: Home) -> None:
    writers = [writer(home, f"app{n}", 0, 5) for n in range(3)]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert git(home.fleet, "rev-list", "--count", "HEAD").strip() == "16"
    assert len((await local.read()).apps) == 3


@pytest.mark.real
async def test_a_kill_at_any_moment_loses_no_acknowledged_commit(local: LocalFleet, home: Home) -> None:
    for number in range(10):
        process = writer(home, "shop", number * 1000, number * 1000 + 999)
        assert process.stdout is not None
        seen = [await asyncio.to_thread(process.stdout.readline) for _ in range(2)]
        await asyncio.sleep(number * 0.003)  # somewhere inside the third write
        os.kill(process.pid, signal.SIGKILL)
        seen += process.stdout.readlines()
        process.wait(10)
        process.stdout.close()
        commits = [line.split()[1] for line in seen if line.endswith("\n")]
        marker = new_app_file(f"mark{number}", "/srv/repo", "main")
        await write(local, f"mark{number}", marker)
        assert set(commits) <= set(git(home.fleet, "rev-list", "HEAD").split())
        await until(lambda: clean(local, home))
    git(home.fleet, "fsck", "--strict")
    assert len((await local.read()).apps) == 11


async def clean(local: LocalFleet, home: Home) -> bool:
    await local.read()
    return git(home.fleet, "status", "--porcelain") == ""


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await met():
            await asyncio.sleep(0.02)


# A remote repository


class FakeSource:
    """A fleet repository at a URL, as a dictionary of files."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.heads = {"main": "a" * 40}
        self.fetched: list[str] = []
        self.trouble: SourceError | None = None

    async def poll(self, source: SourceSpec) -> Refs:
        if self.trouble:
            raise self.trouble
        return Refs(self.heads, {}, "main")

    async def fetch(self, source: SourceSpec, sha: str) -> None:
        self.fetched.append(sha)

    def tree(self, source: SourceSpec, sha: str) -> Tree:
        assert sha in self.fetched
        return FakeTree(dict(self.files))

    async def default_branch(self, source: SourceSpec) -> str:
        return "main"

    async def history(self, source: SourceSpec, sha: str, folder: Path) -> None:
        raise AssertionError

    async def check_out(self, source: SourceSpec, sha: str, destination: Path) -> None:
        raise AssertionError

    async def record(self, destination: Path) -> None:
        raise AssertionError

    async def changed_files(self, destination: Path) -> Sequence[str]:
        raise AssertionError

    async def restore_files(self, source: SourceSpec, sha: str, destination: Path, paths: Sequence[str]) -> None:
        raise AssertionError

    async def forget(self, source: SourceSpec) -> None:
        raise AssertionError


class FakeTree:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    async def entries(self) -> Sequence[TreeEntry]:
        return [TreeEntry(path, len(data), "file") for path, data in self._files.items()]

    async def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self._files[path] for path in paths}

    async def committed(self) -> float | None:
        return None


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(
        {
            "targets/box1/apps/shop.toml": SHOP.encode(),
            "targets/box1/apps/deep/no.toml": b"x",
            "targets/box2/apps/blog.toml": BLOG.encode(),
        }
    )


async def test_a_target_reads_only_its_own_directory(source: FakeSource) -> None:
    fleet = RemoteFleet("https://git.example.org/fleet.git", "box1", source)
    state = await fleet.read()
    assert [app.app for app in state.apps] == ["shop"]
    assert await fleet.text("shop") == SHOP
    assert await fleet.text("blog") is None
    assert await fleet.read() == state
    assert source.fetched == ["a" * 40]


async def test_a_remote_fleet_follows_its_branch_and_keeps_what_it_read_well(source: FakeSource) -> None:
    fleet = RemoteFleet("https://git.example.org/fleet.git", "box1", source)
    before = await fleet.read()
    source.heads = {"main": "b" * 40}
    source.files["targets/box1/apps/shop.toml"] = b"["
    state = await fleet.read()
    assert (state.commit, state.apps, state.unreadable) == ("b" * 40, before.apps, frozenset({"shop"}))


async def test_a_remote_fleet_that_is_gone_is_an_error(source: FakeSource) -> None:
    fleet = RemoteFleet("https://git.example.org/fleet.git", "box1", source)
    await fleet.read()
    source.heads = {"main": "b" * 40}
    source.files.clear()
    with pytest.raises(ConfigError, match="no directory targets/box1"):
        await fleet.read()
    source.heads = {}
    with pytest.raises(SourceError, match="no branch"):
        await fleet.read()
    source.trouble = SourceError("down")
    with pytest.raises(SourceError, match="down"):
        await fleet.read()


async def test_a_remote_fleet_is_changed_where_it_is(source: FakeSource) -> None:
    fleet = RemoteFleet("https://git.example.org/fleet.git", "box1", source)
    with pytest.raises(UsageError, match="changed there") as caught:
        await write(fleet, "shop", set_variable("shop", SHOP, "production", "A", "1"))
    assert "targets/box1/apps/shop.toml" in caught.value.hint
