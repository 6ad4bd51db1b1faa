"""What no honest day brings: builds without end, full disks, huge repositories. The old release serves on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.disks import filled, mounted
from tests.e2e.pullet import Pullet, Result, until
from tests.e2e.repositories import Repository, wsgi

pytestmark = pytest.mark.e2e

_SPACE = 200
_FILL = "python -c \"import pathlib; pathlib.Path('big').write_bytes(bytes(400 << 20))\""


@pytest.fixture
def shop(own: Pullet) -> Repository:
    own.home.mkdir(mode=0o711, exist_ok=True)
    (own.home / "settings.toml").write_text("[limits]\nbuild = '4s'\nrelease_command = '2s'\n")
    repository = Repository(own.root / "repositories" / "shop")
    repository.push(app_py=wsgi("v1"))
    return repository


def _refused(pullet: Pullet, repository: Repository, *words: str) -> Result:
    """The commit that was just made is not deployed, for this reason, and the one before goes on serving."""
    result = pullet.run("sync", repository.name)
    print(result.text)
    assert result.code == 1
    assert [word for word in words if word not in result.text] == []
    assert "Traceback" not in result.text
    assert pullet.get(repository.name) == (200, "v1")
    return result


def test_builds_and_release_commands_that_never_end(own: Pullet, shop: Repository) -> None:
    own.up(shop)
    shop.push(pullet_toml="[build]\ncommands = ['python -c \"while True: pass\"']\n")
    _refused(own, shop, "[build-failed]", "4 s", "goes on serving")
    shop.push(pullet_toml="[release]\ncommands = ['sleep 60']\n")
    _refused(own, shop, "[release-command-failed]", "2 s", "goes on serving")
    until(lambda: not own.processes("sleep"), 10, lambda: str(own.processes()))
    shop.push("pullet.toml", app_py=wsgi("v2"))
    own.wait_for("shop", "v2")


def test_a_hundred_thousand_files(own: Pullet, shop: Repository) -> None:
    """One more than the limit: refused before anything is written."""
    own.up(shop)
    blob = shop.git("hash-object", "-w", "--stdin", stdin="x")
    names = [f"100644 blob {blob}\tf{number:06}" for number in range(1000)]
    folder = shop.git("mktree", stdin="\n".join(names) + "\n")
    entries = [f"100644 blob {shop.git('rev-parse', 'HEAD:app.py')}\tapp.py"]
    entries += [f"040000 tree {folder}\td{number:03}" for number in range(100)]
    tree = shop.git("mktree", stdin="\n".join(entries) + "\n")
    shop.git("update-ref", "refs/heads/main", shop.git("commit-tree", "-p", "HEAD", "-m", "many files", tree))
    _refused(own, shop, "[source-refused]", "more than 100,000 files")
    assert not list((own.home / "releases" / "shop" / "production" / "2").glob("tree/d*"))


def test_a_gigabyte_in_one_file(own: Pullet, shop: Repository) -> None:
    own.up(shop)
    with (shop.path / "dump.sql").open("wb") as file:
        file.truncate(1 << 30)
    shop.git("-c", "core.compression=1", "add", "dump.sql")
    shop.push()
    _refused(own, shop, "[source-refused]", "dump.sql", "the limit is 256 MB")


@pytest.fixture
def small_disk(own: Pullet) -> Iterator[Pullet]:
    """Its home is a file system of 200 MB."""
    own.home.mkdir(mode=0o711, exist_ok=True)
    with mounted(own.home, _SPACE):
        own.advise("")
        try:
            yield own
        finally:
            own.close()


def test_a_disk_that_is_full_during_a_build_and_before_one(
    small_disk: Pullet, new_repository: Callable[[Pullet], Repository]
) -> None:
    own, shop = small_disk, new_repository(small_disk)
    own.up(shop)
    with own.watching(shop.name) as watching:
        shop.push(pullet_toml=f"[build]\ncommands = ['''{_FILL}''']\n")
        result = own.run("sync", shop.name)
        print(result.text)
        assert result.code == 1
        assert "No space left on device" in result.text or "disk" in result.text.lower()
        assert "Traceback" not in result.text
        with filled(own.home):
            shop.push("pullet.toml", app_py=wsgi("v2"))
            until(lambda: own.conditions(shop.name)["Deployed"]["status"] is False, 20)
            assert own.get(shop.name) == (200, "v1")
        own.wait_for(shop.name, "v2", 60)  # by itself, once there is room again
    assert watching.failures == []
