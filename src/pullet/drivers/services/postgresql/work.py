"""The folder that a copy works in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

PIPE = "pipe"


@contextlib.asynccontextmanager
async def workplace(folder: Path) -> AsyncIterator[Path]:
    """A new folder in `folder`, which is gone afterwards with all that copies before it left, whose Pullet was killed.

    Each has a name of its own: what a pg_dump of such a copy still writes gets nowhere.
    """
    await asyncio.to_thread(clear, folder)
    work = folder / secrets.token_hex(4)
    try:
        for each in (folder, work):
            each.mkdir(mode=0o700)
        yield work
    finally:
        await asyncio.shield(asyncio.to_thread(clear, folder))


def clear(folder: Path) -> None:
    """Nothing works there. Who waits for somebody at the other end of a pipe there goes on, and finds it closed."""
    for pipe in folder.glob(f"*/{PIPE}"):
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
    shutil.rmtree(folder, ignore_errors=True)
