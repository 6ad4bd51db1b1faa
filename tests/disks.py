"""Disks of a few megabytes, and what fills them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """The folder of a file system of its own. Skips the test where this user may mount none."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-disk-"))
    try:
        with mounted(folder, megabytes):
            yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at `folder`, which is there. Skips the test where this user may mount none."""
    mount = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(folder))
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk takes the right to mount one")
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


@contextlib.contextmanager
def filled(folder: Path, leaving: int = 0) -> Iterator[None]:
    """While the block runs, the disk has room for `leaving` bytes more: with 0 it is full to the last byte."""
    with tempfile.NamedTemporaryFile(prefix="ballast-", dir=folder, buffering=0) as file:
        with contextlib.suppress(OSError):
            while leaving == 0 or shutil.disk_usage(folder).free > leaving:
                file.write(bytes(1 << 16))
        yield
