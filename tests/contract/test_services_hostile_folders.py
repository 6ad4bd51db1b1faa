"""What an app may do to its folder while it is copied."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pullet.domain.errors import ServiceFailed
from tests.contract.services import heard, service
from tests.contract.test_services_folders import FolderWorld, _folder


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.real
async def test_a_pipe_put_in_place_of_a_folder_holds_nobody_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, origin, key = FolderWorld(root), service(), service()
    folder = _folder(await world.provided(origin, "one"))
    (folder / "sub").mkdir()
    real = os.stat

    def swapped(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        status = real(path, *arguments, **options)
        if path == "sub" and (folder / "sub").is_dir():
            (folder / "sub").rmdir()
            os.mkfifo(folder / "sub")
        return status

    monkeypatch.setattr(os, "stat", swapped)
    async with asyncio.timeout(20):
        copied = await world.provider.clone(origin, key, world.spec(key), heard)
    assert "one" in await world.read(copied)


@pytest.mark.real
async def test_folders_too_deep_are_an_error_and_still_seen(root: Path) -> None:
    world, origin, key = FolderWorld(root), service(), service()
    folder = _folder(await world.provided(origin, "one"))
    deep = os.open(folder, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=deep)
        below = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    with pytest.raises(ServiceFailed, match="cannot be used"):
        await world.provider.clone(origin, key, world.spec(key), heard)
    assert await world.provider.observe(origin.environment)
