"""What one environment is right now, read from the box and not from memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from pullet.domain.identity import EnvironmentKey
from pullet.domain.plan import Observed, ObservedRelease
from pullet.domain.release import Release, Stage
from pullet.domain.runtime import Instance, Phase
from pullet.ports import RouteTarget
from pullet.reconcile.drift import changed_files
from pullet.reconcile.neighbours import Neighbours

_ALIVE = frozenset({Phase.STARTING, Phase.UP, Phase.BACKING_OFF})


class Observer:
    """Remembers one thing only: which processes answered their probe. A restart of the daemon forgets it, and a new
    process has a new pid, so in doubt a release is probed again."""

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours) -> None:
        self.environment = environment
        self.instances: Sequence[Instance] = ()
        """As of the latest observation."""
        self._neighbours = neighbours
        self._probed: dict[int, frozenset[int | None]] = {}

    async def observe(self, hosts: Iterable[str]) -> Observed:
        """`hosts`: those the environment should answer; others count only where they lead to one of its releases."""
        self.instances = await self._neighbours.runtime.observe(self.environment)
        routes = await self._neighbours.router.routes()
        live = self._neighbours.store.releases.live(self.environment)
        releases = [
            await self._observe_release(release, check_files=release.id.number == live)
            for release in self._neighbours.store.releases.of(self.environment)
        ]
        return Observed(
            tuple(releases),
            _own_routes(routes, self.environment, frozenset(hosts)),
            self._stale(routes),
            frozenset(self._neighbours.store.releases.failed(self.environment)),
        )

    def _stale(self, routes: Mapping[str, RouteTarget]) -> frozenset[str]:
        """A process that was started anew listens on a socket of its own: a route to the former one leads nowhere."""
        return frozenset(
            host
            for host, target in routes.items()
            if target.release is not None
            and target.release.environment == self.environment
            and set(target.sockets) != {each.socket for each in self.of(target.release.number) if each.socket}
        )

    def mark_healthy(self, number: int, instances: Iterable[Instance]) -> None:
        """These instances of the release have just answered their probe."""
        self._probed[number] = _pids(instances)

    def mark_unsure(self, number: int) -> None:
        """Have the release probed again."""
        self._probed.pop(number, None)

    def of(self, number: int) -> list[Instance]:
        return [instance for instance in self.instances if instance.id.release.number == number]

    async def _observe_release(self, release: Release, *, check_files: bool) -> ObservedRelease:
        number = release.id.number
        instances = self.of(number)
        return ObservedRelease(
            number=number,
            candidate=release.candidate.id,
            stage=release.stage,
            verdict=release.verdict,
            running=is_running(release, instances),
            leftovers=bool(instances),
            healthy=self._is_healthy(number, instances),
            intact=not check_files or await self._is_intact(release),
        )

    async def _is_intact(self, release: Release) -> bool:
        if release.stage.rank < Stage.PREPARED.rank:
            return True
        return not await changed_files(self._neighbours, release)

    def _is_healthy(self, number: int, instances: Sequence[Instance]) -> bool:
        up = bool(instances) and all(instance.phase is Phase.UP for instance in instances)
        return up and self._probed.get(number) == _pids(instances)


def _pids(instances: Iterable[Instance]) -> frozenset[int | None]:
    return frozenset(instance.pid for instance in instances)


def without_stopping(observed: Observed, stopping: Collection[int]) -> Observed:
    """A release that was told to stop runs no more, however alive it still looks: nothing may be led to it."""
    releases = tuple(
        replace(release, running=False, healthy=False) if release.number in stopping else release
        for release in observed.releases
    )
    return replace(observed, releases=releases)


def is_running(release: Release, instances: Sequence[Instance]) -> bool:
    """Whether every process that the release should have is kept by a shim that has not given up."""
    if release.spec is None:
        return False
    expected = {(process.name, index) for process in release.spec.processes for index in range(process.instances)}
    return expected == {(i.id.process, i.id.index) for i in instances if i.phase in _ALIVE}


def _own_routes(
    routes: Mapping[str, RouteTarget], environment: EnvironmentKey, hosts: frozenset[str]
) -> dict[str, int | None]:
    own: dict[str, int | None] = {}
    for host, target in routes.items():
        if target.release is not None and target.release.environment == environment:
            own[host] = target.release.number
        elif host in hosts:
            own[host] = None
    return own
