"""Waiting for a release to work, and saying why when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pullet.domain.app import HealthCheck, Process
from pullet.domain.errors import ProbeFailed, StartFailed
from pullet.domain.release import Release
from pullet.domain.runtime import Instance, Phase
from pullet.reconcile.neighbours import Neighbours
from pullet.telemetry.logs import tail

_FIRST_PAUSE = 0.005  # seconds; a warm start answers within a few milliseconds
_LONGEST_PAUSE = 0.1
_LINES_SHOWN = 100  # a traceback of a framework is long, and its end is what counts
_RESTARTS_TOLERATED = 2  # one crash at start may be a race with something of the app's own


class Probe:
    """Asks every process of a release whether it works, until all do, one is lost, or the grace is over."""

    def __init__(self, neighbours: Neighbours, release: Release, host: str) -> None:
        self._neighbours = neighbours
        self._release = release
        self._host = host
        self._last_answer = ""

    async def until_healthy(self) -> Sequence[Instance]:
        """The instances that answered. Raises ProbeFailed or StartFailed with the app's last lines."""
        assert self._release.spec is not None
        grace = max(process.health.grace for process in self._release.spec.processes)
        deadline = self._neighbours.clock.monotonic() + grace
        pause = _FIRST_PAUSE
        while True:
            instances = await self._instances()
            if await self._all_work(instances):
                return instances
            self._give_up_on_crashes(instances)
            if self._neighbours.clock.monotonic() >= deadline:
                raise self._too_late(grace, instances)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def works(self) -> bool:
        """Whether all of them work right now, asked once."""
        return await self._all_work(await self._instances())

    async def silent(self) -> Sequence[Instance]:
        """Those that run and answer nothing at all: they hang. One that answers an error does not."""
        serving = [each for each in await self._instances() if each.socket and each.phase is Phase.UP]
        spoke = await asyncio.gather(*(self._speaks(instance) for instance in serving))
        return [instance for instance, speaks in zip(serving, spoke, strict=True) if not speaks]

    async def _speaks(self, instance: Instance) -> bool:
        check = self._process(instance).health
        try:
            await self._neighbours.prober.probe(instance.socket, self._host, check.path, check.timeout)
        except ProbeFailed:
            return False
        return True

    async def _instances(self) -> Sequence[Instance]:
        every = await self._neighbours.runtime.observe(self._release.id.environment)
        return [instance for instance in every if instance.id.release == self._release.id]

    async def _all_work(self, instances: Sequence[Instance]) -> bool:
        expected = sum(process.instances for process in self._spec_processes())
        if len(instances) < expected or any(instance.phase is not Phase.UP for instance in instances):
            return False
        answers = await asyncio.gather(*(self._answers(instance) for instance in instances if instance.socket))
        return all(answers)

    async def _answers(self, instance: Instance) -> bool:
        check = self._process(instance).health
        try:
            status = await self._neighbours.prober.probe(instance.socket, self._host, check.path, check.timeout)
        except ProbeFailed as err:
            self._last_answer = err.message
            return False
        if is_healthy_status(status, check):
            return True
        self._last_answer = f"GET {check.path} answered {status}"
        return False

    def _give_up_on_crashes(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            if instance.phase is Phase.CRASHED or instance.restarts >= _RESTARTS_TOLERATED:
                why = instance.reason or "it exits"
                raise StartFailed(
                    f"{instance.id.process} of {_name(self._release)} does not stay up: {why}",
                    context=self._last_lines(instance),
                    hint=f"Read the lines above; `pullet logs {self._release.id.environment.app}` has all of them.",
                )

    def _too_late(self, grace: float, instances: Sequence[Instance]) -> ProbeFailed:
        web = next((instance for instance in instances if instance.socket), None)
        return ProbeFailed(
            f"{_name(self._release)} gave no healthy answer within {grace:g} s:"
            f" {self._last_answer or 'a process is not up'}",
            context=self._last_lines(web) if web is not None else "",
            hint="Is `[processes.web] health = { path = …, grace = … }` in pullet.toml right for this app?",
        )

    def _last_lines(self, instance: Instance) -> str:
        return "\n".join(tail(self._neighbours.runtime.log_path(instance.id), _LINES_SHOWN))

    def _spec_processes(self) -> tuple[Process, ...]:
        assert self._release.spec is not None
        return self._release.spec.processes

    def _process(self, instance: Instance) -> Process:
        return next(process for process in self._spec_processes() if process.name == instance.id.process)


def is_healthy_status(status: int, check: HealthCheck) -> bool:
    """A declared path must give 2xx or 3xx; without one, anything under 500 shows that the app is alive."""
    return 200 <= status < (400 if check.declared else 500)


def _name(release: Release) -> str:
    return f"{release.id.environment} at {release.candidate.revision.short}"
