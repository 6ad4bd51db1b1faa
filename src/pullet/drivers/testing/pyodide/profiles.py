"""Browsers' profiles, one a browser and app: what the last run cached, the next need not compile anew."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from pullet.drivers.testing.cpython import scratch_folder


class Profiles:
    def __init__(self, folder: Path, scratch: Path) -> None:
        """Folders of Pullet's own."""
        self._folder = folder
        self._scratch = scratch

    @contextlib.asynccontextmanager
    async def borrowed(self, browser: str, app: str) -> AsyncIterator[Path]:
        """The kept one; an empty one where another run has it."""
        with _held(self._folder / f"{app}-{browser}.lock") as free:
            if free:
                profile = self._folder / app / browser
                profile.mkdir(parents=True, exist_ok=True)
                yield profile
                return
        async with scratch_folder(self._scratch) as profile:
            yield profile


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Whether nobody else had it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
