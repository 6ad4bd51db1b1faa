"""Waiting that neither loses a wake-up nor wakes for nothing."""

from __future__ import annotations

import asyncio
import contextlib


async def wait_for_wake(wake: asyncio.Event, seconds: float | None) -> None:
    """Return when `wake` is set or after `seconds`.

    A loop clears the event *before* it looks at the world, never after: what happens while it looks sets it again.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


class Changes:
    """Lets any number of readers wait for the next change of something, without a queue for each."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        current, self._next = self._next, asyncio.Event()
        current.set()

    def subscribe(self) -> asyncio.Event:
        """An event that is set at the next change. Take it before looking, then look, then wait."""
        return self._next
