"""Python environments that no release uses any more go, so that the disk does not fill with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pullet.domain.codec import loads
from pullet.domain.errors import PulletError
from pullet.domain.home import Home
from pullet.domain.release import Release
from pullet.reconcile.disk import note_if_possible
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.wakeups import wait_for_wake

INTERVAL = 3600.0  # seconds; nobody waits for it, and a walk over a removed environment costs the disk
_WORTH_TELLING = 1 << 20  # bytes


class RetentionLoop:
    """Every hour, and once an environment was removed."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._world = neighbours
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. The first round waits: right after a start there are better things to do."""
        while True:
            await wait_for_wake(self._wake, INTERVAL)
            self._wake.clear()
            await self.sweep()

    async def sweep(self) -> int:
        """One round; returns bytes freed. Where it is not sure what is in use, nothing goes."""
        try:
            in_use = await asyncio.to_thread(_on_the_disk, self._world.home)
            freed = await self._world.builder.discard(in_use | self._known())
        except (PulletError, OSError) as err:
            note_if_possible(self._world.store, "trouble", f"Unused Python environments were not removed: {err}")
            return 0
        if freed >= _WORTH_TELLING:
            note_if_possible(
                self._world.store, "retention", f"{freed / 1e6:.0f} MB of unused Python environments removed."
            )
        return freed

    def _known(self) -> frozenset[str]:
        return _digests(self._world.store.releases.all())


def _on_the_disk(home: Home) -> frozenset[str]:
    """What the releases themselves say: a store that lost its history must not cost a running app its packages.

    Raises MalformedData or OSError for a `release.json` that cannot be read.
    """
    files = home.releases.glob("*/*/*/release.json")
    return _digests(loads(Release, file.read_bytes()) for file in files)


def _digests(releases: Iterable[Release]) -> frozenset[str]:
    return frozenset(release.artifact.environment_digest for release in releases if release.artifact is not None)
