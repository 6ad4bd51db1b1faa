"""The Backups port: what the core relies on, asked of the fake, of restic in a folder, and of restic at an S3 store."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pullet.domain.backup import BackupReason, Retention
from pullet.domain.errors import BackupFailed, NotFound, UsageError
from pullet.ports import Backups
from tests.backups import CREDENTIALS, KEY, contents, fill, manifest, restic_backups, s3_store
from tests.fakes.backups import FakeBackups

LAST = Retention(1, 0, 0, 0)


@dataclass
class World:
    backups: Backups
    folder: Path
    """Of this test: for what is saved and restored."""
    again: Callable[[str], Awaitable[Backups]]
    """Another object for the same destination, with that key, as on a new machine."""


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with s3_store() as address:
        yield address


@pytest.fixture(params=["fake", *(pytest.param(name, marks=pytest.mark.real) for name in ("folder", "s3"))])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="pullet-backups-"))
    (folder / "kept").mkdir()
    homes = iter(range(100))

    async def again(key: str) -> Backups:
        if request.param == "fake":
            return FakeBackups(folder / "kept", key)
        if request.param == "folder":
            return await restic_backups(folder / f"home{next(homes)}", str(folder / "kept"), key)
        place = request.getfixturevalue("store") + folder.name
        return await restic_backups(folder / f"home{next(homes)}", place, key, credentials=CREDENTIALS)

    yield World(await again(KEY), folder, again)
    shutil.rmtree(folder, ignore_errors=True)


async def test_every_file_comes_back_as_it_was_also_on_a_new_machine(world: World) -> None:
    saved = fill(world.folder / "saved")
    before = contents(saved)
    made = await world.backups.save(saved, manifest())
    assert contents(saved) == before
    assert (made.target, made.reason, made.files) == ("box", BackupReason.SCHEDULED, 9)
    assert made.size > 1 << 20

    elsewhere = await world.again(KEY)
    assert list(await elsewhere.list()) == [made]
    assert await elsewhere.manifest(made.id) == manifest()
    assert await elsewhere.restore(made.id, world.folder / "restored") == manifest()
    assert contents(world.folder / "restored") == before
    await elsewhere.check()


async def test_nothing_is_there_before_the_first_backup(world: World) -> None:
    assert list(await world.backups.list()) == []
    await world.backups.check()
    assert await world.backups.prune("box", LAST) == 0
    for missing in ("0" * 64, "latest", "--help", ""):
        with pytest.raises(NotFound):
            await world.backups.manifest(missing)
        with pytest.raises(NotFound):
            await world.backups.restore(missing, world.folder / "restored")


async def test_a_restore_never_writes_over_what_is_there(world: World) -> None:
    (world.folder / "saved").mkdir()
    (world.folder / "saved" / "file").write_text("new")
    made = await world.backups.save(world.folder / "saved", manifest())
    (world.folder / "there").mkdir()
    with pytest.raises(UsageError):
        await world.backups.restore(made.id, world.folder / "there")
    assert list((world.folder / "there").iterdir()) == []


async def test_another_key_opens_nothing_and_saves_nothing(world: World) -> None:
    (world.folder / "saved").mkdir()
    (world.folder / "saved" / "file").write_text("secret")
    made = await world.backups.save(world.folder / "saved", manifest())
    stranger = await world.again("another key")
    for act in (
        stranger.list(),
        stranger.manifest(made.id),
        stranger.restore(made.id, world.folder / "restored"),
        stranger.save(world.folder / "saved", manifest()),
        stranger.prune("box", LAST),
    ):
        with pytest.raises(BackupFailed, match="key"):
            await act
    assert not (world.folder / "restored").exists()
    assert list(await world.backups.list()) == [made]


async def test_each_target_and_reason_has_its_own_retention(world: World) -> None:
    saved = world.folder / "saved"
    saved.mkdir()
    made = []
    for number, (reason, target) in enumerate(
        [
            (BackupReason.FINAL, "box"),
            (BackupReason.SCHEDULED, "box"),
            (BackupReason.SCHEDULED, "box"),
            (BackupReason.SCHEDULED, "other"),
        ]
    ):
        (saved / "file").write_text(str(number))
        made.append(await world.backups.save(saved, manifest(reason, target)))
    assert await world.backups.prune("box", LAST) == 1
    left = list(await world.backups.list())
    assert left == [made[0], made[2], made[3]]
    await world.backups.restore(made[2].id, world.folder / "restored")
    assert (world.folder / "restored" / "file").read_text() == "2"
