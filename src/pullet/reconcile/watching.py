"""The watch window of a new release: what is seen of it after the switch, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId
from pullet.domain.plan import Observed
from pullet.domain.release import Verdict
from pullet.domain.runtime import Instance, Phase
from pullet.planner.environment import last_good
from pullet.planner.watch import Judgement, Watched, judge
from pullet.reconcile.neighbours import Neighbours

_LOOK_BACK = 60.0  # seconds of the former release's answers that a jump is measured against


@dataclass(frozen=True)
class _Window:
    release: int
    opened: float
    """Seconds on the monotonic clock."""
    opened_at: float
    """Seconds since the epoch, for the access log."""
    errors_before: float


class Watch:
    """Judges the live release until it has proved itself, and notices restarts of any."""

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours) -> None:
        self._environment = environment
        self._world = neighbours
        self._window: _Window | None = None
        self._hosts: frozenset[str] = frozenset()
        self._restarts: dict[InstanceId, int] = {}

    @property
    def active(self) -> bool:
        return self._window is not None

    @property
    def release(self) -> int | None:
        """The release that has to prove itself."""
        return self._window.release if self._window else None

    def open(self, release: int) -> None:
        """The release has just taken the traffic."""
        clock = self._world.clock
        requests, errors = self._counts(clock.now() - _LOOK_BACK)
        self._window = _Window(release, clock.monotonic(), clock.now(), errors / requests if requests else 0.0)

    def look(self, instances: Sequence[Instance], observed: Observed) -> Judgement | None:
        """The judgement, once there is one to act upon."""
        self._note_restarts(instances)
        self._hosts = frozenset(observed.routes)
        self._resume(observed)
        if self._window is None:
            return None
        judgement = judge(self._watched(self._window, instances))
        if judgement.verdict is Verdict.NONE:
            return None
        release = ReleaseId(self._environment, self._window.release)
        if judgement.verdict is Verdict.BAD and not _can_fall_back(observed, release.number):
            return None  # nothing better is there: the shims keep trying
        self._world.store.releases.judge(release, judgement.verdict, judgement.reason)
        self._window = None
        return judgement

    def _resume(self, observed: Observed) -> None:
        """After a restart of the daemon, or when another release took over, watch what serves without a verdict."""
        unproved = [number for number in observed.serving if _verdict(observed, number) is Verdict.NONE]
        if self._window is not None and self._window.release not in unproved:
            self._window = None
        if self._window is None and unproved:
            self.open(max(unproved))

    def _watched(self, window: _Window, instances: Sequence[Instance]) -> Watched:
        own = [instance for instance in instances if instance.id.release.number == window.release]
        requests, errors = self._counts(window.opened_at)
        return Watched(
            age=self._world.clock.monotonic() - window.opened,
            restarts=sum(instance.restarts for instance in own),
            crashed=any(instance.phase is Phase.CRASHED for instance in own),
            requests=requests,
            errors=errors,
            errors_before=window.errors_before,
        )

    def _counts(self, since: float) -> tuple[int, int]:
        """(requests, errors) under all of the environment's hostnames."""
        counts = [self._world.router.access_counts(host, since) for host in self._hosts]
        return sum(requests for requests, _ in counts), sum(errors for _, errors in counts)

    def _note_restarts(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            before = self._restarts.get(instance.id)
            if before is not None and instance.restarts > before:
                message = f"{instance.id.process}.{instance.id.index} of release {instance.id.release.number} exited"
                self._world.store.events.append(
                    "restart", f"{message} ({instance.reason}) and was started again.", environment=self._environment
                )
        self._restarts = {instance.id: instance.restarts for instance in instances}


def _verdict(observed: Observed, number: int) -> Verdict | None:
    release = observed.release(number)
    return release.verdict if release else None


def _can_fall_back(observed: Observed, from_release: int) -> bool:
    others = tuple(release for release in observed.releases if release.number != from_release)
    return last_good(Observed(others)) is not None
