"""What each step of a plan does. Every one is idempotent: a crash in the middle, and it is simply done again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from pullet.domain.app import AppSpec
from pullet.domain.errors import SecretUnreadable
from pullet.domain.fleet import EnvironmentSpec, SourceSpec
from pullet.domain.identity import ReleaseId
from pullet.domain.plan import Build, Check, Discard, Prepare, Resolve, Start, Switch, Unroute
from pullet.domain.release import Release, Stage
from pullet.domain.runtime import Instance, StartRequest
from pullet.drivers.removing import remove_folder
from pullet.planner.admission import refusal
from pullet.planner.healing import changes_of
from pullet.ports import LogSink, Page
from pullet.reconcile.assessing import GATE, Assessing, refuse, summary
from pullet.reconcile.drift import changed_files
from pullet.reconcile.healing import Healing
from pullet.reconcile.keeping import keep
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.preparing import Preparation
from pullet.reconcile.probing import Probe
from pullet.reconcile.suites import GATES as SUITES
from pullet.reconcile.suites import Suites
from pullet.reconcile.suites import summary as summary_of_tests
from pullet.reconcile.tasks import both, together
from pullet.reconcile.understanding import apply_overrides, understand_app
from pullet.reconcile.workplaces import Workplaces

_HUNG_DRAIN = 2.0  # seconds for a process that answers nothing any more


class Steps:
    """The effects of one environment's plan, on the neighbours."""

    def __init__(
        self, neighbours: Neighbours, environment: EnvironmentSpec, source: SourceSpec, healing: Healing
    ) -> None:
        self._world = neighbours
        self._healing = healing
        self._environment = environment
        self._source = source
        self._workplaces = Workplaces(neighbours)

    def release(self, number: int) -> Release:
        return self._world.store.releases.get(ReleaseId(self._environment.key, number))

    async def make(self, step: Resolve | Build | Check | Prepare | Start, log: LogSink) -> None:
        """Bring the release one stage further, up to running processes."""
        match step:
            case Resolve(number):
                await self.resolve(number, log)
            case Build(number):
                await self.build(number, log)
            case Check(number):
                await self.check(number, log)
            case Prepare(number):
                await self.prepare(number, log)
            case Start(number):
                await self.start(number, log)

    async def place(self, step: Switch | Unroute | Discard) -> None:
        """What the outside sees, and what is left on the disk."""
        match step:
            case Switch(number, hosts):
                await self.switch(number, hosts)
            case Unroute(hosts):
                await self.unroute(hosts)
            case Discard(number):
                await self.discard(number)

    async def resolve(self, number: int, log: LogSink) -> None:
        """Bring the commit here; understand the app while its files are written."""
        release = self.release(number)
        sha = release.candidate.revision.sha
        await self._world.source.fetch(self._source, sha)
        tree, app = self._world.source.tree(self._source, sha), release.id.environment.app
        writing = self._world.source.check_out(self._source, sha, self._world.home.tree(release.id))
        spec, _ = await both(understand_app(tree, app), writing, name=f"resolve:{self._environment.key}")
        spec = apply_overrides(spec, self._environment)
        if self._environment.preview:
            spec = replace(spec, secrets_sealed=self._sealed_for_any(spec))
        self._advance(release.id, Stage.OPENED, spec=spec)  # what it asks for is known even where it is refused
        if refused := refusal(spec, self._environment, self._source, frozenset(self._runnable())):
            raise refused
        self._world.secrets.open(release.id.environment, spec.secrets_sealed)  # refused now rather than after a build
        for decision in spec.decisions:
            log(f"{decision.subject} = {decision.value}  ({', '.join(str(e.place) for e in decision.evidence)})")
        self._advance(release.id, Stage.RESOLVED, spec=spec)

    def _runnable(self) -> Iterator[str]:
        """Names of the gates that this Pullet can run."""
        yield from (GATE,) if self._world.assessor is not None else ()
        yield from SUITES if self._world.tester is not None else ()

    def _sealed_for_any(self, spec: AppSpec) -> tuple[tuple[str, str], ...]:
        """Of the secrets of the environment whose data a preview copies it gets those that are sealed for every
        environment: no branch may try out what only production should know."""
        allowed = []
        for each in spec.secrets_sealed:
            with suppress(SecretUnreadable):
                self._world.secrets.open(self._environment.key, (each,))
                allowed.append(each)
        return tuple(allowed)

    async def build(self, number: int, log: LogSink) -> None:
        release = self.release(number)
        assert release.spec is not None
        tree = self._world.home.tree(release.id)
        previous = self._live_release()
        release = await self._healing.inherit(release, release.spec, log)
        assert release.spec is not None
        spec = replace(release.spec, changes=(*release.spec.changes, *changes_of(release.heals)))
        artifact = await self._world.builder.build(release.id, spec, tree, previous.artifact if previous else None, log)
        release = self._world.store.releases.advance(
            release.id, Stage.BUILT, artifact=artifact, variables=self._environment.variables
        )
        keep(self._world.home, release)

    async def check(self, number: int, log: LogSink) -> None:
        release = self.release(number)
        assert release.spec is not None
        assert release.artifact is not None
        await self._test(release, log)
        await self._assess(release, log)
        self._advance(release.id, Stage.CHECKED)

    async def _test(self, release: Release, log: LogSink) -> None:
        assert release.spec is not None
        if self._world.tester is None or not set(SUITES) & set(release.spec.gates):
            return
        suites = Suites(self._world, self._world.tester)
        tested = await suites.test(release, log)
        log(summary_of_tests(tested))
        suites.refuse(tested, release)

    async def _assess(self, release: Release, log: LogSink) -> None:
        """Where the gate is declared; every other release is assessed once it is live, and keeps nobody waiting."""
        if self._world.assessor is None:
            return
        assessing = Assessing(self._world, self._world.assessor, self._source)
        if assessing.is_gate(release):
            assessment = await assessing.assess(release, log)
            log(summary(assessment))
            refuse(assessment, release.id)

    async def prepare(self, number: int, log: LogSink) -> None:
        release = self.release(number)
        await Preparation(self._world, self._environment).prepare(release, log)
        self._advance(release.id, Stage.PREPARED)

    async def repair(self, number: int, log: LogSink) -> Sequence[str]:
        """Put changed files back; returns their names."""
        release = self.release(number)
        tree = self._world.home.tree(release.id)
        changed = await changed_files(self._world, release)
        for path in changed:
            log(f"{path!r} differs from {release.candidate.revision.short}: put back")
        await self._world.source.restore_files(self._source, release.candidate.revision.sha, tree, changed)
        return changed

    async def start(self, number: int, log: LogSink) -> None:
        requests = await self._workplaces.start_requests(self.release(number))
        await together(*(self._start(request, log) for request in requests), name=f"start:{self._environment.key}")
        # The start handed the files to the app's user, which a stat shows: from here on a difference is drift.
        await self._world.source.record(self._world.home.tree(ReleaseId(self._environment.key, number)))

    async def _start(self, request: StartRequest, log: LogSink) -> None:
        instance = await self._world.runtime.start(request)
        how = "warm" if instance.warm else "cold"
        log(f"{request.process.name}.{request.id.index}: {how} start, pid {instance.pid}")

    async def probe(self, number: int) -> Sequence[Instance]:
        return await self._probe(number).until_healthy()

    async def works(self, number: int) -> bool:
        """Whether a release that once answered its probe still does."""
        return await self._probe(number).works()

    async def end_silent(self, number: int) -> Sequence[Instance]:
        """End the processes of the release that hang, so that they are started anew; returns them."""
        silent = await self._probe(number).silent()
        for instance in silent:
            await self._world.runtime.stop(instance.id, _HUNG_DRAIN)
        return silent

    def _probe(self, number: int) -> Probe:
        return Probe(self._world, self.release(number), self._environment.key.localhost)

    async def switch(self, number: int, hosts: frozenset[str]) -> None:
        release = self.release(number)
        target = await self._workplaces.target(release)
        for host in sorted(hosts):
            await self._world.router.switch(host, target)
        self._world.store.releases.set_live(release.id.environment, number)

    async def stop(self, instances: Sequence[Instance]) -> None:
        work = (self._world.runtime.stop(instance.id, self._drain(instance)) for instance in instances)
        await together(*work, name=f"stop:{self._environment.key}")

    async def show_page(self, hosts: frozenset[str], page: Page) -> None:
        for host in sorted(hosts):
            await self._world.router.show_page(host, page)

    async def unroute(self, hosts: frozenset[str]) -> None:
        for host in sorted(hosts):
            await self._world.router.remove(host)

    async def discard(self, number: int) -> None:
        release_id = ReleaseId(self._environment.key, number)
        with suppress(OSError):
            await asyncio.to_thread(remove_folder, self._world.home.release(release_id))
        self._world.store.releases.mark_removed(release_id)

    async def prepare_spares(self, number: int) -> None:
        """One warm interpreter a process type, as far as memory and the server allow it."""
        for request in await self._workplaces.start_requests(self.release(number)):
            if request.id.index == 0 and request.process.spares > 0:
                await self._world.runtime.prepare_spare(request)

    def _live_release(self) -> Release | None:
        number = self._world.store.releases.live(self._environment.key)
        return self.release(number) if number is not None else None

    def _drain(self, instance: Instance) -> float:
        release = self._world.store.releases.get(instance.id.release)
        process = release.spec.process(instance.id.process) if release.spec else None
        return process.drain if process else 0.0

    def _advance(self, release_id: ReleaseId, stage: Stage, *, spec: AppSpec | None = None) -> None:
        keep(self._world.home, self._world.store.releases.advance(release_id, stage, spec=spec))
