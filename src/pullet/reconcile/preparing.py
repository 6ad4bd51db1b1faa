"""Everything between a checked release and its first process: services, what outlives releases, and commands."""

from __future__ import annotations

import asyncio

from pullet.domain.errors import ReleaseCommandFailed
from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.identity import PRODUCTION
from pullet.domain.release import Release
from pullet.domain.runtime import RunRequest
from pullet.domain.services import Grant
from pullet.ports import LogSink
from pullet.reconcile.copies import Copies
from pullet.reconcile.departure import Departure
from pullet.reconcile.links import place_link
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.newness import Newness
from pullet.reconcile.snapshots import Snapshots
from pullet.reconcile.workplaces import Workplaces


class Preparation:
    """Of one environment's releases. Its steps are serial, which is the lock that release commands run under."""

    def __init__(self, neighbours: Neighbours, environment: EnvironmentSpec) -> None:
        self._world = neighbours
        self._environment = environment
        self._workplaces = Workplaces(neighbours)
        self._copies = Copies(neighbours, environment)
        self._newness = Newness(neighbours, environment)

    async def prepare(self, release: Release, log: LogSink) -> None:
        """Idempotent but for the app's own commands, which are run again where this was interrupted."""
        assert release.spec is not None
        Departure(self._world, self._environment.key).plan(takes_its_data=self._environment.preview)
        await self._newness.note(release.spec.services)
        await self._copies.make(release.spec.services, log)
        grant = await self._world.services.provide(release.id.environment, release.spec.services, log)
        await self._persist(release, grant)
        await self._migrate(release, log)
        if self._newness.holds(release.spec.services):
            for command in release.spec.first_commands:
                await self._run(release, command, "first", log)
            self._newness.finish()
        if self._copies.unsanitized:
            for command in release.spec.sanitize_commands:
                await self._run(release, command, "sanitize", log)
            self._copies.finish()

    async def _migrate(self, release: Release, log: LogSink) -> None:
        """Where something was live before, what the commands could spoil is kept."""
        assert release.spec is not None
        if not release.spec.release_commands:
            return
        kept = False
        if self._world.store.releases.live(release.id.environment) is not None:
            kept = await Snapshots(self._world, release.id.environment).take(release.id, log)
        try:
            for command in release.spec.release_commands:
                await self._run(release, command, "release", log)
        except ReleaseCommandFailed as err:
            if kept:
                err.hint += f" The data as they were before it: `pullet db restore {_options(release)} --snapshot`."
            raise

    async def _persist(self, release: Release, grant: Grant) -> None:
        """Files and folders that outlive releases appear in the tree; what the commit has there is their beginning."""
        assert release.spec is not None
        root = self._workplaces.root(release)
        for spec in release.spec.services:
            if spec.path:
                await self._world.services.seed(release.id.environment, spec, root / spec.path)
        for path, target in grant.links:
            await asyncio.to_thread(place_link, root, path, target)

    async def _run(self, release: Release, command: str, kind: str, log: LogSink) -> None:
        log(f"$ {command}")
        request = RunRequest(await self._workplaces.of(release), command, self._world.release_command_limit)
        result = await self._world.runtime.run(request, log)
        if result.exit_code != 0:
            raise ReleaseCommandFailed(
                f"The {kind} command `{command}` of {release.id.environment}"
                f" at {release.candidate.revision.short} exited with {result.exit_code}",
                context=result.output,
                hint="The release that was live still is. Fix the command and push.",
            )


def _options(release: Release) -> str:
    key = release.id.environment
    return key.app if key.name == PRODUCTION else f"{key.app} -e {key.name}"
