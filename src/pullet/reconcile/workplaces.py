"""Where a release's processes run, what they are given (tree, interpreter, variables, secrets and services), and how
visitors come to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pullet.domain.app import AppSpec
from pullet.domain.identity import EnvironmentKey, InstanceId
from pullet.domain.personality import ENTROPY, TELLING, Surroundings, variables_of
from pullet.domain.release import Release
from pullet.domain.runtime import StartRequest, Workplace
from pullet.domain.secrets import shown_forms
from pullet.domain.services import Grant
from pullet.ports import RouteTarget
from pullet.reconcile.neighbours import Neighbours


class Workplaces:
    def __init__(self, neighbours: Neighbours) -> None:
        self._world = neighbours

    def root(self, release: Release) -> Path:
        """The app's own folder in the check-out."""
        assert release.spec is not None
        return self._world.home.tree(release.id) / release.spec.root

    async def of(self, release: Release) -> Workplace:
        """Of services what they gave; of variables the owner's word wins over what a service is called by."""
        assert release.spec is not None
        assert release.artifact is not None
        root = self.root(release)
        environment = release.id.environment
        grant = await self._world.services.grant(environment, release.spec.services)
        variables, secrets = dict(release.spec.variables), self._secrets(environment, release.spec)
        # Detection speaks of the app's own folders; only here is it known where they are.
        folders = tuple(str(root / folder) for folder in variables.pop("PYTHONPATH", "").split(":") if folder)
        personality = self._personality(release, grant)
        usual = {"PYTHON_VERSION": release.artifact.python_version}  # as images of Python have it: some pages show it
        hidden = (*secrets.values(), *grant.secrets, *_telling(personality))
        return Workplace(
            release=release.id,
            tree=str(root),
            python=release.artifact.python,
            python_path=tuple(dict.fromkeys((*folders, *release.artifact.python_path))),
            variables=tuple({**usual, **personality, **dict(grant.variables), **variables, **secrets}.items()),
            secrets=tuple(form for value in hidden for form in shown_forms(value)),
            folders=grant.folders,
            environment_digest=release.artifact.environment_digest,
            memory=_most_memory(release.spec),
        )

    def _personality(self, release: Release, grant: Grant) -> dict[str, str]:
        """What the platform that the app was written for would set."""
        assert release.spec is not None
        personality, environment = release.spec.personality, release.id.environment
        if personality is None:
            return {}
        entropy = ENTROPY in dict(personality.variables).values()
        around = Surroundings(
            environment=environment,
            hosts=personality.hosts,
            sha=release.candidate.revision.sha,
            ref=release.candidate.revision.ref,
            number=release.id.number,
            folder=str(self.root(release)),
            granted=dict(grant.variables),
            secret=self._world.secrets.values(environment, [ENTROPY])[ENTROPY] if entropy else "",
            relationships=personality.relationships,
        )
        return variables_of(personality, around)

    async def start_requests(self, release: Release) -> tuple[StartRequest, ...]:
        assert release.spec is not None
        workplace = await self.of(release)
        return tuple(
            StartRequest(InstanceId(release.id, process.name, index), workplace, process)
            for process in release.spec.processes
            for index in range(process.instances)
        )

    async def target(self, release: Release) -> RouteTarget:
        """Where a hostname of the release leads: to the sockets there are now, and to its files."""
        assert release.spec is not None
        root = self.root(release)
        grant = await self._world.services.grant(release.id.environment, release.spec.services)
        instances = await self._world.runtime.observe(release.id.environment)
        sockets = [i.socket for i in instances if i.id.release == release.id and i.socket]
        static = tuple((mount.url, _behind_links(root, mount.path, grant)) for mount in release.spec.static)
        return RouteTarget(release.id, tuple(sorted(sockets)), static)

    def _secrets(self, environment: EnvironmentKey, spec: AppSpec) -> dict[str, str]:
        """What the fleet says, sealed or as a variable, wins over what is generated; a default of the app's loses."""
        sealed = dict(self._world.secrets.open(environment, spec.secrets_sealed))
        given = {*sealed, *(name for name, _ in spec.variables)}
        wanted = [name for name in spec.secrets_generated if name not in given]
        return {**sealed, **self._world.secrets.values(environment, wanted)}


def _behind_links(root: Path, path: str, grant: Grant) -> str:
    """The folder that the router serves for `path`: it follows no links, so a volume is named where it is."""
    for link, target in grant.links:
        if PurePosixPath(path).is_relative_to(link):
            return str(Path(target) / PurePosixPath(path).relative_to(link))
    return str(root / path)


def _telling(personality: Mapping[str, str]) -> tuple[str, ...]:
    """Values that hold a service's password in a form that it cannot be recognised by, or are a secret themselves."""
    return tuple(value for name, value in personality.items() if name in TELLING)


def _most_memory(spec: AppSpec) -> int | None:
    """What a command that runs once may hold: as much as the largest of the app's processes."""
    limits = [process.memory for process in spec.processes]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None
