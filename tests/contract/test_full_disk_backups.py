"""Backups where the disk is full: of the repository, of Pullet's home, of what is restored to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.domain.errors import DiskFull
from tests.backups import contents, fill, manifest, restic_backups
from tests.disks import filled, small_disk

pytestmark = pytest.mark.real

_MEGABYTE = 1 << 20


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(96) as folder:
        yield folder


async def test_a_save_without_room_leaves_the_older_ones_whole(disk: Path, tmp_path: Path) -> None:
    repository = disk / "kept"
    repository.mkdir()
    backups = await restic_backups(tmp_path / "home", str(repository))
    saved = fill(tmp_path / "saved", size=8 * _MEGABYTE)
    with filled(disk), pytest.raises(DiskFull):
        await backups.save(saved, manifest())
    made = await backups.save(saved, manifest())
    with filled(disk, 2 * _MEGABYTE):
        with pytest.raises(DiskFull):
            await backups.save(fill(tmp_path / "more", size=8 * _MEGABYTE), manifest())
        await backups.restore(made.id, tmp_path / "restored")
    assert contents(tmp_path / "restored") == contents(saved)
    assert list(await backups.list()) == [made]
    await backups.check()
    await backups.save(tmp_path / "more", manifest())
    await backups.check()


async def test_a_restore_without_room_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    backups = await restic_backups(tmp_path / "home", str(tmp_path / "kept"))
    saved = fill(tmp_path / "saved", size=8 * _MEGABYTE)
    made = await backups.save(saved, manifest())
    with filled(disk, 2 * _MEGABYTE), pytest.raises(DiskFull):
        await backups.restore(made.id, disk / "restored")
    assert list(disk.iterdir()) == []
    await backups.restore(made.id, disk / "restored")
    assert contents(disk / "restored") == contents(saved)


async def test_a_home_without_room_for_the_cache_is_no_obstacle(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    backups = await restic_backups(disk / "home", str(tmp_path / "kept"))
    saved = fill(tmp_path / "saved")
    with filled(disk):
        made = await backups.save(saved, manifest())
        await backups.restore(made.id, tmp_path / "restored")
    assert contents(tmp_path / "restored") == contents(saved)
    await backups.check()
