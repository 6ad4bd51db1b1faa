"""Folders that other tasks make and remove while they are listed.

`Path.glob` raises there before Python 3.13, and a loop of the daemon that meets it would end the daemon.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path


def inside(folders: Iterable[Path]) -> Iterator[Path]:
    """What the folders hold, each one's sorted. One that is gone by now holds nothing."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from sorted(folder.iterdir())


def below(folder: Path, levels: int) -> Iterator[Path]:
    """What is there so many levels down, as `*/*` for two."""
    found: Iterable[Path] = [folder]
    for _ in range(levels):
        found = inside(found)
    yield from found
