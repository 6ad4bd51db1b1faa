"""One poll a repository, however many environments follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pullet.domain.errors import PulletError
from pullet.domain.fleet import SourceSpec
from pullet.planner.backoff import backoff
from pullet.ports import Clock, Refs, Source
from pullet.reconcile.disk import disk_may_be_full
from pullet.reconcile.wakeups import Changes, wait_for_wake

PATH_INTERVAL = 1.0  # seconds; a poll of a path is a stat
URL_INTERVAL = 15.0
_JITTER = 0.1  # share of the interval: targets that started together drift apart


@dataclass(frozen=True)
class SourceStatus:
    """What is known of a repository right now."""

    refs: Refs | None = None
    error: PulletError | None = None
    failing_since: float | None = None
    """Seconds since the epoch of the first of the present row of failures."""
    polled: float | None = None
    """Seconds since the epoch of the latest poll that succeeded."""


class SourceLoop:
    """Polls one repository and tells its followers when a ref moved or the repository became (un)reachable."""

    def __init__(self, spec: SourceSpec, source: Source, clock: Clock, jitter: Callable[[], float]) -> None:
        self.spec = spec
        self.status = SourceStatus()
        self.followers: set[Callable[[], object]] = set()
        self._source = source
        self._clock = clock
        self._jitter = jitter
        self._wake = asyncio.Event()
        self._polls = Changes()
        self._asked = 0
        self._answered = 0
        self._failures = 0

    def wake(self) -> None:
        """Poll now rather than at the next interval."""
        self._asked += 1
        self._wake.set()

    async def fresh(self) -> SourceStatus:
        """The outcome of a poll that began after this call."""
        self.wake()
        ticket = self._asked
        while self._answered < ticket:
            changed = self._polls.subscribe()
            if self._answered < ticket:
                await changed.wait()
        return self.status

    async def run(self) -> None:
        while True:
            self._wake.clear()
            asked = self._asked
            await self._poll()
            self._answered = asked
            self._polls.notify()
            await wait_for_wake(self._wake, self._pause())

    async def _poll(self) -> None:
        before = self.status
        try:
            with disk_may_be_full("a repository"):
                refs = await self._source.poll(self.spec)
        except PulletError as err:
            self._failures += 1
            self.status = SourceStatus(before.refs, err, before.failing_since or self._clock.now(), before.polled)
        else:
            self._failures = 0
            self.status = SourceStatus(refs, None, None, self._clock.now())
        if (before.refs, str(before.error)) != (self.status.refs, str(self.status.error)):
            for follower in tuple(self.followers):
                follower()

    def _pause(self) -> float:
        interval = self.spec.interval or (URL_INTERVAL if is_remote(self.spec.url) else PATH_INTERVAL)
        if self._failures:
            return max(interval, backoff(self._failures, self._jitter(), first=interval))
        return interval * (1 + _JITTER * (self._jitter() - 0.5))


def is_remote(url: str) -> bool:
    """Whether asking costs the network: anything but a path or a file URL."""
    if url.startswith("file://"):
        return False
    before_slash = url.split("/", 1)[0]
    return "://" in url or ":" in before_slash
