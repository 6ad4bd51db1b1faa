"""What assessments compare with is kept fresh, off the road of any commit."""

from __future__ import annotations

import asyncio

from pullet.domain.errors import PulletError
from pullet.ports import Assessor, Store
from pullet.reconcile.disk import disk_may_be_full, note_if_possible

INTERVAL = 6 * 3600.0  # seconds
_AGAIN = 600.0  # seconds, after a failure
_FIRST = 60.0  # seconds after the start, when there are better things to do


async def keep_fresh(assessor: Assessor, store: Store, interval: float = INTERVAL) -> None:
    """Until cancelled. A failure is told once; what is there goes on counting until it is too old."""
    told = ""
    await asyncio.sleep(_FIRST)
    while True:
        try:
            with disk_may_be_full("advisories"):
                await assessor.refresh()
            told, pause = "", interval
        except PulletError as err:
            pause = min(interval, _AGAIN)
            if err.message != told:
                told = err.message
                note_if_possible(store, "trouble", f"Advisories: {err.message}")
        await asyncio.sleep(pause)
