"""A folder goes whatever a hostile program has put into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pullet.drivers.removing import remove_folder


def test_everything_goes_and_no_link_is_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = tmp_path / "folder"
    (folder / "a/b/c").mkdir(parents=True)
    (folder / "a/b/file\n\udcff").touch()
    (folder / "a/outside").symlink_to(kept)
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "a/b/pipe")
    remove_folder(folder)
    assert not folder.exists()
    assert (kept / "file").exists()


def test_deeper_than_the_stack_and_than_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    deep = os.open(folder, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("folder", dir_fd=deep)
        inner = os.open("folder", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    remove_folder(folder)
    assert not folder.exists()


def test_what_is_locked_goes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file").touch()
    for path in (folder / "a/b", folder / "a", folder):
        path.chmod(0)
    remove_folder(folder)
    assert not folder.exists()


def test_nothing_is_fine_and_a_link_is_refused(tmp_path: Path) -> None:
    remove_folder(tmp_path / "nothing")
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    with pytest.raises(OSError, match="link"):
        remove_folder(tmp_path / "link")
    assert (tmp_path / "kept").exists()
