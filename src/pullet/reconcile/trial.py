"""A release is tried out: it runs once more, where nobody comes by, with services of its own that begin empty.

Nothing of it is the environment's: no data, no secret that somebody sealed, no name that a visitor knows. So it may be
attacked, and all that is left of it afterwards is what was learnt. What a killed daemon leaves the next one removes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pullet.analysis.security.outside import outside_services
from pullet.domain.app import AppSpec
from pullet.domain.errors import PulletError, ReleaseCommandFailed, Retry, ServiceFailed, StartFailed, UsageError
from pullet.domain.hosts import with_host
from pullet.domain.identity import EnvironmentKey, ReleaseId, is_trial, trial_of
from pullet.domain.release import Artifact, Release
from pullet.domain.runtime import RunRequest, Workplace
from pullet.drivers.listing import below
from pullet.drivers.removing import remove_folder
from pullet.ports import LogSink
from pullet.reconcile.disk import note_if_possible
from pullet.reconcile.links import place_link
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.probing import Probe
from pullet.reconcile.tasks import together
from pullet.reconcile.workplaces import Workplaces

_DRAIN = 1.0  # seconds; nobody waits for its answers
_NAMED = 3  # variables in a sentence
_LIMIT = 900.0  # seconds until it answers, release commands and all
_SWEEP = 60.0  # seconds between two looks for what is left of others


@dataclass(frozen=True)
class Running:
    """A release that is tried out."""

    url: str
    """At which the router leads to it."""
    variables: Mapping[str, str] = field(repr=False)
    """The release's own as they are there, invented secrets among them."""
    place: Workplace
    """Where its processes run, for what else is to run beside them."""


class Trials:
    def __init__(self, neighbours: Neighbours) -> None:
        self._world = neighbours
        self._workplaces = Workplaces(neighbours)
        self._told: dict[EnvironmentKey, str] = {}
        """What of trouble was said already: it may last."""

    @asynccontextmanager
    async def of(self, release: Release, log: LogSink) -> AsyncIterator[Running]:
        """The release runs for as long as the block does.

        Raises whatever keeps it from working: ServiceFailed, ReleaseCommandFailed, StartFailed, ProbeFailed, DiskFull.
        What cannot be removed afterwards is told as an event, and removed later.
        """
        trial = self._as_trial(release)
        key = trial.id.environment
        async with self._turn(key, log):
            try:
                try:
                    async with asyncio.timeout(_LIMIT):
                        await self._furnish(release, trial, log)
                        url = await self._serve(trial)
                except TimeoutError as err:
                    raise StartFailed(f"It took longer than {_LIMIT:g} s to start") from err
                variables = dict(trial.spec.variables) if trial.spec else {}
                yield Running(url, variables, await self._workplaces.of(trial))
            finally:
                await asyncio.shield(self._remove_if_possible(key))

    @asynccontextmanager
    async def at_rest(self, release: Release, log: LogSink) -> AsyncIterator[Workplace]:
        """A copy of the release, with services of its own, in which nothing was run and nothing runs: for its tests.

        Raises ServiceFailed, DiskFull.
        """
        trial = self._as_trial(release)
        key = trial.id.environment
        async with self._turn(key, log):
            try:
                await self._place(release, trial, log)
                yield await self._workplaces.of(trial)
            finally:
                await asyncio.shield(self._remove_if_possible(key))

    async def keep_clear(self) -> None:
        """Until cancelled: what a daemon that was killed left behind goes, and what could not be removed at once."""
        while True:
            await self.clear()
            await asyncio.sleep(_SWEEP)

    async def clear(self) -> None:
        """One round. A trial's folder is the first thing there is of it and the last to go, so none is overlooked."""
        for key in await asyncio.to_thread(_on_disk, self._world.home.releases):
            if key != self._world.trial.environment:
                await self._remove_if_possible(key)

    async def remove(self, key: EnvironmentKey) -> None:
        """Nothing of it is left. Safe to call again. Raises where something stays: then its folder does, too."""
        assert is_trial(key)
        await self._world.router.remove(key.localhost)
        for instance in await self._world.runtime.observe(key):
            await self._world.runtime.stop(instance.id, _DRAIN)
        await self._world.services.remove(key)
        self._world.secrets.forget(key)
        home = self._world.home
        places = (*(top / key.app / key.name for top in (home.run, home.services, home.logs)), home.environment(key))
        for folder in places:
            await asyncio.to_thread(remove_folder, folder)

    async def _remove_if_possible(self, key: EnvironmentKey) -> None:
        try:
            await self.remove(key)
        except (PulletError, OSError) as err:
            message = f"What was left of a trial of {key.app} was not removed, and is tried again: {err}"
            if self._told.get(key) != message:
                note_if_possible(self._world.store, "trouble", message)
            self._told[key] = message

    @asynccontextmanager
    async def _turn(self, key: EnvironmentKey, log: LogSink) -> AsyncIterator[None]:
        turn = self._world.trial
        if turn.lock.locked():
            log("trial: another release is being tried out; this one waits for its turn")
        async with turn.lock:
            turn.environment = key
            try:
                yield
            finally:
                turn.environment = None

    def _as_trial(self, release: Release) -> Release:
        """The same release under another name: one web process, and secrets that open nothing."""
        assert release.spec is not None
        assert release.artifact is not None
        number = ReleaseId(trial_of(release.id, self._world.secrets.fresh()), 1)
        before, after = self._world.home.tree(release.id), self._world.home.tree(number)
        spec = self._spec(release.spec, number.environment.localhost)
        return replace(release, id=number, spec=spec, artifact=_moved(release.artifact, before, after))

    def _spec(self, spec: AppSpec, host: str) -> AppSpec:
        """Raises ServiceFailed where it would reach data that are somebody's."""
        names = (*spec.secrets_required, *spec.secrets_generated, *(name for name, _ in spec.secrets_sealed))
        invented = {name: self._world.secrets.fresh() for name in names}
        plain = {name: value for name, value in spec.variables if name not in invented}
        if outside := outside_services(plain):
            raise ServiceFailed(
                f"{', '.join(outside[:_NAMED])} names a service that Pullet does not keep, so there is none to spare",
                hint="Declare it under [services], or seal the variable as a secret."
                " The gate of security does without a copy where it has `live = false`.",
                retry=Retry.NEXT_REVISION,
            )
        web, personality = spec.process("web"), spec.personality
        names_of_it = {name: with_host(plain.get(name, ""), host, form) for name, form in spec.hosts}
        return replace(
            spec,
            processes=(replace(web, instances=1, spares=0),) if web is not None else (),
            variables=tuple({**plain, **names_of_it, **invented}.items()),
            secrets_required=(),
            secrets_generated=(),
            secrets_sealed=(),
            personality=replace(personality, hosts=(host,)) if personality is not None else None,
        )

    async def _furnish(self, release: Release, trial: Release, log: LogSink) -> None:
        """Files, services and what the release commands make of them."""
        assert trial.spec is not None
        await self._place(release, trial, log)
        for command in (*trial.spec.release_commands, *trial.spec.first_commands):
            await self._run(trial, command, log)

    async def _place(self, release: Release, trial: Release, log: LogSink) -> None:
        assert trial.spec is not None
        await self._world.builder.copy(self._world.home.tree(release.id), self._world.home.tree(trial.id))
        grant = await self._world.services.provide(trial.id.environment, trial.spec.services, log)
        root = self._workplaces.root(trial)
        for spec in trial.spec.services:
            if spec.path:
                await self._world.services.seed(trial.id.environment, spec, root / spec.path)
        for path, target in grant.links:
            await asyncio.to_thread(place_link, root, path, target)

    async def _run(self, trial: Release, command: str, log: LogSink) -> None:
        log(f"trial: $ {command}")
        request = RunRequest(await self._workplaces.of(trial), command, self._world.release_command_limit)
        result = await self._world.runtime.run(request, log)
        if result.exit_code != 0:
            raise ReleaseCommandFailed(
                f"`{command}` exited with {result.exit_code} where the release was tried out",
                context=result.output,
                hint="It ran on services that were empty; does it need data, or a secret that is real?",
            )

    async def _serve(self, trial: Release) -> str:
        requests = await self._workplaces.start_requests(trial)
        if not requests:
            raise StartFailed(f"{trial.id.environment.app} has no web process that could be tried out")
        await together(*(self._world.runtime.start(request) for request in requests), name=f"start:{trial.id}")
        host = trial.id.environment.localhost
        await Probe(self._world, trial, host).until_healthy()
        await self._world.router.switch(host, await self._workplaces.target(trial))
        return self._world.router.url(host)


def _moved(artifact: Artifact, before: Path, after: Path) -> Artifact:
    def moved(path: str) -> str:
        inside = Path(path).is_relative_to(before)
        return str(after / Path(path).relative_to(before)) if inside else path

    return replace(artifact, tree=str(after), python_path=tuple(map(moved, artifact.python_path)))


def _on_disk(releases: Path) -> Sequence[EnvironmentKey]:
    """What else lies about there is no name of ours."""
    found = []
    for place in below(releases, 2):
        with suppress(UsageError):
            found.append(EnvironmentKey(place.parent.name, place.name))
    return [key for key in found if is_trial(key)]
