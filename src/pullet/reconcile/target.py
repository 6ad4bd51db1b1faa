"""The loop of the whole target: reads the fleet, and keeps one loop an environment and one a repository."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from pullet.domain.errors import NotFound, PulletError
from pullet.domain.fleet import EnvironmentSpec, FleetState, SourceSpec, Track, TrackKind
from pullet.domain.identity import EnvironmentKey, is_trial
from pullet.planner.claims import settle_claims
from pullet.reconcile.adoption import adopt
from pullet.reconcile.branches import Branches
from pullet.reconcile.environment import Assignment, EnvironmentLoop
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.retention import RetentionLoop
from pullet.reconcile.sources import SourceLoop
from pullet.reconcile.trial import Trials
from pullet.reconcile.upkeep import keep_fresh
from pullet.reconcile.wakeups import Changes, wait_for_wake

FLEET_INTERVAL = 1.0  # seconds; a look at an unchanged fleet repository in the home is a stat


class TargetLoop:
    """Level-triggered: whatever the fleet says now is compared with the loops that run."""

    def __init__(self, neighbours: Neighbours, interval: float = FLEET_INTERVAL) -> None:
        """`interval`: seconds between two looks at the fleet."""
        self.environments: dict[EnvironmentKey, EnvironmentLoop] = {}
        self.sources: dict[str, SourceLoop] = {}
        self.fleet: FleetState | None = None
        self.fleet_error = ""
        self.changes = Changes()
        """Notified whenever anything that a status shows has changed."""
        self._world = neighbours
        self._interval = interval
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self.ready = asyncio.Event()
        """Set once the fleet has been looked at for the first time."""
        self._retention = RetentionLoop(neighbours)
        self._branches = Branches(neighbours)
        if neighbours.safekeeping is not None:
            neighbours.safekeeping.fleet_commit = lambda: self.fleet.commit if self.fleet else ""
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled. Ending it stops the loops and nothing that serves."""
        await self._world.router.ensure()
        await adopt(self._world)
        self._world.store.deployments.interrupt_running()
        self._world.store.runs.interrupt_running()
        async with asyncio.TaskGroup() as self._tasks:
            self._spawn("retention", self._retention.run())
            self._spawn("trials", Trials(self._world).keep_clear())
            if self._world.safekeeping is not None:
                await self._world.safekeeping.clear()
                self._spawn("backups", self._world.safekeeping.run())
            if self._world.assessor is not None:
                self._spawn(
                    "advisories", keep_fresh(self._world.assessor, self._world.store, self._world.advisories_interval)
                )
            self._spawn("services", self._world.services.keep_running(self._world.store))
            while True:
                self._wake.clear()
                await self.refresh()
                self.ready.set()
                await wait_for_wake(self._wake, self._interval)

    async def refresh(self) -> None:
        """Read the fleet and bring the loops in line with it. Safe to call at any time, from an operation too."""
        async with self._lock:
            try:
                state = await self._world.fleet.read()
            except PulletError as err:
                self.fleet_error = str(err)
                return
            self.fleet_error = ""
            gone = [key for key, loop in self.environments.items() if loop.removed]
            branches_changed = await self._look_at_branches(state)
            if state == self.fleet and not gone and not branches_changed:
                return
            for key in gone:
                del self.environments[key]
            if gone:
                self._retention.wake()
            self.fleet = state
            self._align(await self._assignments(state))
            self.changes.notify()

    def environment(self, key: EnvironmentKey) -> EnvironmentLoop:
        """Raises NotFound naming the environments there are."""
        if key not in self.environments:
            known = ", ".join(sorted(str(key) for key in self.environments)) or "none yet"
            raise NotFound(f"There is no environment {key}", hint=f"Known: {known}. Start one with `pullet up PATH`.")
        return self.environments[key]

    def wake_sources(self, url: str | None = None) -> int:
        """Poll now (one repository, or all); returns how many were woken."""
        chosen = [loop for loop in self.sources.values() if url in (None, loop.spec.url)]
        for loop in chosen:
            loop.wake()
        if url is None:
            self._wake.set()  # the fleet may be what was pushed
        return len(chosen)

    @property
    def passed_over(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """App -> (branch, why) of branches that `[previews]` speaks of and that have no environment."""
        return self._branches.passed_over

    async def _look_at_branches(self, state: FleetState) -> bool:
        """Whether other previews are wanted than before."""
        apps = [app for app in state.apps if app.previews is not None]
        if not apps and not self._branches.wanted:
            return False
        heads = {}
        for app in apps:
            loop = self._source(app.source)
            loop.followers.add(self._wake_up)
            heads[app.app] = loop.status.refs.heads if loop.status.refs else None
        existing = self.environments.keys() or await self._environments_on_the_box()
        return self._branches.look(apps, heads, existing)

    def _wake_up(self) -> None:
        self._wake.set()

    async def _assignments(self, state: FleetState) -> dict[EnvironmentKey, Assignment]:
        errors = {path.rsplit("/", 1)[-1].removesuffix(".toml"): message for path, message in state.errors}
        routes = await self._world.router.routes()
        holders = {host: target.release.environment for host, target in routes.items() if target.release is not None}
        specs = {app.app: (*app.environments, *self._branches.environments(app.app)) for app in state.apps}
        settled = settle_claims((spec for each in specs.values() for spec in each), holders)
        wanted = {
            spec.key: Assignment(settled[spec.key][0], app.source, error=errors.get(app.app) or settled[spec.key][1])
            for app in state.apps
            for spec in specs[app.app]
        }
        left_alone = state.unreadable | self._branches.unsure
        for key in {*await self._environments_on_the_box(), *holders.values()}:
            if key not in wanted and key.app not in left_alone and not is_trial(key):
                wanted[key] = _removal(key)
        return wanted

    async def _environments_on_the_box(self) -> set[EnvironmentKey]:
        """What exists, whatever the fleet says: an environment taken out of the fleet while Pullet was down, too."""
        instances = await self._world.runtime.observe()
        return {
            *self.environments,
            *(release.id.environment for release in self._world.store.releases.all()),
            *(instance.id.release.environment for instance in instances),
        }

    def _align(self, wanted: Mapping[EnvironmentKey, Assignment]) -> None:
        sources = {key: self._source(assignment.source) for key, assignment in wanted.items()}
        for key, assignment in wanted.items():
            loop = self.environments.get(key)
            if loop is not None:
                loop.assign(assignment, sources[key])
            else:
                loop = EnvironmentLoop(assignment, sources[key], self._world, self.changes)
                self.environments[key] = loop
                self._spawn(f"environment:{key}", loop.run())
        previews = {app.source.url for app in (self.fleet.apps if self.fleet else ()) if app.previews is not None}
        self._drop_sources_except({*previews, *(source.spec.url for source in sources.values())})

    def _source(self, spec: SourceSpec) -> SourceLoop:
        """The one loop of the repository, polling as often as its most eager follower asks."""
        loop = self.sources.get(spec.url)
        if loop is not None:
            loop.spec = spec if (spec.interval or 0) < (loop.spec.interval or 0) else loop.spec
            return loop
        loop = SourceLoop(spec, self._world.source, self._world.clock, self._world.jitter)
        if spec.url:  # an environment that is only removed has no repository any more
            self.sources[spec.url] = loop
            self._spawn(f"source:{spec.url}", loop.run())
        return loop

    def _drop_sources_except(self, urls: set[str]) -> None:
        for url in self.sources.keys() - urls:
            del self.sources[url]
            self._running.pop(f"source:{url}").cancel()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._running[name] = self._tasks.create_task(work, name=name)


def _removal(key: EnvironmentKey) -> Assignment:
    return Assignment(EnvironmentSpec(key, Track(TrackKind.BRANCH, "")), SourceSpec(""), remove=True)
