"""The loop of one environment: desired x observed -> plan -> steps, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, assert_never

from pullet.domain.conditions import Condition
from pullet.domain.errors import BranchMissing, DiskFull, ProbeFailed, PulletError, Superseded
from pullet.domain.fleet import EnvironmentSpec, SourceSpec
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision
from pullet.domain.plan import (
    Build,
    Check,
    Desired,
    Discard,
    Mode,
    Observed,
    Open,
    Plan,
    Prepare,
    Probe,
    Repair,
    Resolve,
    ShowPage,
    Start,
    Step,
    Stop,
    Switch,
    Unroute,
)
from pullet.domain.release import Outcome, Stage, Verdict
from pullet.planner.backoff import backoff
from pullet.planner.desired import desired_environment
from pullet.planner.environment import plan_environment
from pullet.planner.retention import releases_to_discard
from pullet.planner.tracking import resolve as track_tip
from pullet.ports import LogSink
from pullet.reconcile.announcing import Announcer, Outside
from pullet.reconcile.assessing import Later
from pullet.reconcile.departure import Departure
from pullet.reconcile.deploying import DeploymentScribe
from pullet.reconcile.disk import disk_may_be_full, note_if_possible
from pullet.reconcile.healing import Healing
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.observation import Observer, without_stopping
from pullet.reconcile.schedules import Schedules
from pullet.reconcile.sources import SourceLoop
from pullet.reconcile.steps import Steps
from pullet.reconcile.stopping import Stopping
from pullet.reconcile.tasks import cancel
from pullet.reconcile.wakeups import Changes, wait_for_wake
from pullet.reconcile.watching import Watch

INTERVAL = 10.0  # seconds between looks at an environment that nothing woke: drift is found within this time
CHECK_INTERVAL = 30.0  # seconds between questions to the live release whether it still works
_WATCH_INTERVAL = 1.0  # while a new release has to prove itself
_DROPPABLE = (Resolve, Build, Check, Start, Probe)  # release commands and switches are carried through


@dataclass(frozen=True)
class Assignment:
    """What the fleet says about one environment, and where its commits come from."""

    spec: EnvironmentSpec
    source: SourceSpec
    remove: bool = False
    """The fleet no longer names it."""
    error: str = ""
    """Its fleet file cannot be read; the last good reading is in force."""


class EnvironmentLoop:
    """Steps of one environment are serial; environments run side by side."""

    def __init__(self, assignment: Assignment, source: SourceLoop, neighbours: Neighbours, changes: Changes) -> None:
        self.key: EnvironmentKey = assignment.spec.key
        self.settled = False
        """The latest look ended with nothing left to do, or with nothing that can be done now."""
        self.removed = False
        self._assignment = assignment
        self._source = source
        self._world = neighbours
        self._changes = changes
        self._observer = Observer(self.key, neighbours)
        self._scribe = DeploymentScribe(self.key, neighbours, changes.notify)
        self._healing = Healing(self.key, neighbours, self._scribe)
        self._watch = Watch(self.key, neighbours)
        self._assessed_later = Later(self.key, neighbours)
        self._schedules = Schedules(self.key, neighbours, lambda: not self._standing_down())
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._stopping = Stopping(self.key, neighbours, self._wake.set)
        self._aside: asyncio.TaskGroup
        self._failures = 0
        self._tracking_error = ""
        self._announcer = Announcer(self.key, neighbours, changes.notify)
        self._asked = self._answered = 0
        self._checked = neighbours.clock.monotonic()
        source.followers.add(self.wake)

    def assign(self, assignment: Assignment, source: SourceLoop) -> None:
        self._source.followers.discard(self.wake)
        source.followers.add(self.wake)
        if (assignment, source) != (self._assignment, self._source):
            self._assignment, self._source = assignment, source
            self.wake()

    @property
    def conditions(self) -> Sequence[Condition]:
        return self._announcer.conditions

    @property
    def assignment(self) -> Assignment:
        return self._assignment

    @property
    def source(self) -> SourceLoop:
        return self._source

    @property
    def tip(self) -> Revision | None:
        """Where what it follows leads to, skipped or not."""
        return self._tip()

    def retry(self) -> bool:
        """Somebody asks for another try: forget that the wanted candidate failed. False where it did not."""
        self._failures = 0
        candidate = self._desired().candidate
        return candidate is not None and self._world.store.releases.retry(self.key, candidate.id)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """While the block runs its processes are stopped and nothing else happens to it: its data can be replaced."""
        async with self._turn:
            instances = await self._world.runtime.observe(self.key)
            await self._steps().stop(instances)
            try:
                yield
            finally:
                self._world.services.forget(self.key)
                self.wake()

    def wake(self) -> int:
        """Look now. Returns a ticket for `answered`."""
        self._asked += 1
        self._moved.set()
        self._wake.set()
        return self._asked

    def answered(self, ticket: int) -> bool:
        """Whether a whole look began after `wake` gave the ticket and ended settled."""
        return self._answered >= ticket and self.settled

    async def run(self) -> None:
        """Until the environment is removed. A PulletError becomes a condition and a backoff; a bug ends the daemon."""
        try:
            async with asyncio.TaskGroup() as self._aside:
                schedules = self._aside.create_task(self._schedules.run(), name=f"schedules:{self.key}")
                while not self.removed:
                    self._wake.clear()
                    asked = self._asked
                    async with self._turn:
                        pause = await self._look()
                    self._answered = asked
                    self._changes.notify()
                    if not self.removed:
                        await wait_for_wake(self._wake, pause)
                schedules.cancel()
        finally:
            self._source.followers.discard(self.wake)

    async def _look(self) -> float:
        """One pass; returns seconds until the next."""
        self.settled = False
        try:
            with disk_may_be_full(self.key):
                await self._converge()
        except PulletError as err:
            self._failures += 1
            pause = backoff(self._failures, self._world.jitter())
            self._announcer.trouble = (err.code, f"{err.message} Trying again in {pause:.0f} s.")
            note_if_possible(self._world.store, "trouble", err.message, self.key)
            self._announce()
        else:
            self._failures, self._announcer.trouble = 0, None
            pause = _WATCH_INTERVAL if self._watch.active else INTERVAL
        self.settled = not (self._stopping.numbers and self._standing_down())
        return pause

    def _standing_down(self) -> bool:
        """Suspended or removed: then, unlike after a switch, it is done only when everything has stopped."""
        return self._assignment.remove or self._assignment.spec.suspended

    async def _converge(self) -> None:
        while True:
            self._moved.clear()
            desired = self._desired()
            observed = without_stopping(await self._observer.observe(desired.hosts), self._stopping.numbers)
            self._announcer.seen = (desired, observed)
            if self._went_bad(observed):
                continue
            plan = plan_environment(desired, observed)
            self._announce()
            if not self._remaining(plan):
                return await self._settle(desired, observed, plan)
            await self._carry_out(plan, desired, observed)

    def _steps(self) -> Steps:
        return Steps(self._world, self._assignment.spec, self._assignment.source, self._healing)

    def _remaining(self, plan: Plan) -> tuple[Step, ...]:
        """Without the stops that are under way: a release that drains keeps nothing else waiting."""
        under_way = self._stopping.numbers
        return tuple(step for step in plan.steps if not (isinstance(step, Stop) and step.release in under_way))

    def _announce(self) -> None:
        status = self._source.status
        error = status.error.message if status.error else self._tracking_error
        self._announcer.announce(
            self._assignment.spec, self._tip(), Outside(error, status.failing_since, self._assignment.error)
        )

    def _desired(self) -> Desired:
        spec = self._assignment.spec
        if self._assignment.remove:
            return Desired(self.key, Mode.ABSENT, None, frozenset())
        return desired_environment(spec, self._tip())

    def _tip(self) -> Revision | None:
        """Where the branch, tag range or pin leads; a branch that is gone leaves what serves alone."""
        refs = self._source.status.refs
        try:
            tip = None if refs is None else track_tip(self._assignment.spec.track, refs)
        except BranchMissing as err:
            self._tracking_error = err.message
            return None
        self._tracking_error = ""
        return tip

    def _went_bad(self, observed: Observed) -> bool:
        """Whether the live release has just lost its watch window: then everything is looked at anew."""
        release, judgement = self._watch.release, self._watch.look(self._observer.instances, observed)
        if release is None or judgement is None or judgement.verdict is not Verdict.BAD:
            return False
        self._scribe.rolled_back(release, judgement.reason)
        return True

    async def _carry_out(self, plan: Plan, desired: Desired, observed: Observed) -> None:
        """Do the steps until one fails, or the world has moved on so that the rest must be planned anew."""
        steps = self._steps()
        for step in self._remaining(plan):
            if isinstance(step, Stop):
                self._stopping.begin(step.release, self._observer.of(step.release), steps, self._aside)
                continue
            try:
                await self._stopping.until_gone(plan.goal)
                with disk_may_be_full(self.key):
                    await self._do(step, plan, desired, observed, steps)
            except PulletError as err:
                await self._relieve(err, plan.goal, observed, steps)
                mended = await self._healing.mend(step, err, observed.serving)
                if not mended and not self._scribe.is_over(plan.goal, observed, err):
                    raise
                return
            if isinstance(step, Open | Switch) or self._outdated(desired):
                return

    async def _do(self, step: Step, plan: Plan, desired: Desired, observed: Observed, steps: Steps) -> None:
        if isinstance(step, Open):
            self._world.store.releases.open(self.key, step.candidate)
            return
        deployment = self._scribe.of_plan(plan, desired, observed)
        with self._scribe.step(deployment, step) as log:
            await self._unless_outdated(step, desired, self._effect(step, steps, log))
        if isinstance(step, Switch):
            self._switched(step.release, observed)
            if deployment is not None:
                await self._scribe.visit(deployment)
                self._scribe.succeed(deployment)

    async def _effect(self, step: Step, steps: Steps, log: LogSink) -> None:
        match step:
            case Resolve() | Build() | Check() | Prepare() | Start():
                await steps.make(step, log)
            case Repair(number):
                self._note_drift(await steps.repair(number, log))
            case Probe(number):
                self._observer.mark_healthy(number, await steps.probe(number))
            case ShowPage(hosts):
                await steps.show_page(hosts, self._announcer.page(self._assignment.spec))
            case Switch() | Unroute() | Discard():
                await steps.place(step)
            case Open() | Stop():
                raise AssertionError(f"{step} is handled before")
            case _:
                assert_never(step)

    async def _unless_outdated(self, step: Step, desired: Desired, effect: Coroutine[Any, Any, None]) -> None:
        """Run the effect; where it may be left half done, drop it as soon as something newer is wanted."""
        if not isinstance(step, _DROPPABLE):
            await effect
            return
        work = asyncio.create_task(effect, name=f"{type(step).__name__.lower()}:{self.key}")
        watch = asyncio.create_task(self._until_outdated(desired), name=f"outdated:{self.key}")
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel(watch)
            if not work.done():
                await cancel(work)
        if work.cancelled():
            raise Superseded(f"A newer revision of {self.key} came first")
        work.result()

    async def _until_outdated(self, desired: Desired) -> None:
        while not self._outdated(desired):
            self._moved.clear()
            if not self._outdated(desired):
                await self._moved.wait()

    def _outdated(self, desired: Desired) -> bool:
        """Whether something else is wanted by now than when the plan was made."""
        return self._desired() != desired

    def _switched(self, number: int, observed: Observed) -> None:
        """The release before proved itself by serving until now."""
        for former in observed.serving - {number}:
            release = observed.release(former)
            if release is not None and release.verdict is Verdict.NONE:
                self._world.store.releases.judge(ReleaseId(self.key, former), Verdict.GOOD)
        self._watch.open(number)

    async def _relieve(self, error: PulletError, goal: int | None, observed: Observed, steps: Steps) -> None:
        """What helps at once: room on a full disk, and an end to what hangs."""
        release = observed.release(goal)
        if release is None:
            return
        if isinstance(error, ProbeFailed) and release.number in observed.serving:
            await self._end_silent(release.number, steps)
        if isinstance(error, DiskFull) and release.stage is not Stage.PREPARED and not release.leftovers:
            with suppress(PulletError):  # whatever fills the disk, what was half made is not kept on it
                await steps.discard(release.number)

    async def _end_silent(self, number: int, steps: Steps) -> None:
        for instance in await steps.end_silent(number):
            message = f"{instance.id.process}.{instance.id.index} of release {number} answered nothing any more"
            self._world.store.events.append("hang", f"{message} and is started anew.", environment=self.key)

    def _note_drift(self, paths: Sequence[str]) -> None:
        if paths:
            names = ", ".join(repr(path) for path in paths[:5])
            message = f"{len(paths)} changed file(s) of the live release put back: {names}"
            self._world.store.events.append("drift", message, environment=self.key)

    async def _settle(self, desired: Desired, observed: Observed, plan: Plan) -> None:
        """Nothing is left to do: tidy up, and be ready for the next commit."""
        if desired.mode is Mode.ABSENT:
            if not self._stopping.numbers:
                await Departure(self._world, self.key).leave()
                self.removed = True
            return
        self._catch_up(observed)
        steps = self._steps()
        for number in releases_to_discard(observed, plan.goal):
            await steps.discard(number)
        if desired.mode is Mode.RUNNING and plan.goal is not None and not self._stopping.numbers:
            await steps.prepare_spares(plan.goal)
        elif desired.mode is Mode.SUSPENDED:
            await self._world.runtime.discard_spares(self.key)
        if not observed.serving:
            await steps.show_page(desired.hosts, self._announcer.page(self._assignment.spec))
        elif plan.goal is not None:
            self._assessed_later.begin(plan.goal, self._assignment.source, self._aside)
            await self._check_live(plan.goal, steps)

    async def _check_live(self, number: int, steps: Steps) -> None:
        """Now and then ask the live release whether it still works; in doubt the next look probes it."""
        now = self._world.clock.monotonic()
        if now - self._checked >= CHECK_INTERVAL:
            self._checked = now
            if not await steps.works(number):
                self._observer.mark_unsure(number)
                self.wake()

    def _catch_up(self, observed: Observed) -> None:
        """The routes are the truth: a daemon that died right after a switch left the record of it to the next."""
        if len(observed.serving) != 1:
            return
        [live] = observed.serving
        if self._world.store.releases.live(self.key) != live:
            self._world.store.releases.set_live(self.key, live)
        latest = self._scribe.latest()
        if latest is not None and latest.release == live and latest.outcome in (Outcome.RUNNING, Outcome.INTERRUPTED):
            self._scribe.succeed(latest)
