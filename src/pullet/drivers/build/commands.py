"""The app's own build commands: what each sees while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pullet.domain.addresses import while_building
from pullet.domain.app import AppSpec
from pullet.domain.command import Command
from pullet.domain.healing import ChangeKind
from pullet.domain.identity import ReleaseId
from pullet.domain.personality import Surroundings, variables_of
from pullet.drivers import inside
from pullet.drivers.build.changes import values
from pullet.drivers.build.environments import Environment
from pullet.drivers.build.paths import python_path
from pullet.drivers.build.settings import SYSTEM_PATH

_PLACEHOLDER = "not-known-while-building"


def build_command(
    line: str, spec: AppSpec, tree: Path, environment: Environment, home: Path, given: Mapping[str, str]
) -> Command:
    """One build command as the app's owner wrote it: a shell line, run in the app's root.

    Neither secrets nor services are known while building; each that the app names has a placeholder, as settings often
    insist on it.
    """
    sealed = (name for name, _ in spec.secrets_sealed)
    named = dict.fromkeys((*spec.secrets_required, *spec.secrets_generated, *sealed), _PLACEHOLDER)
    return Command(
        ("/bin/sh", "-ec", line),
        cwd=tree / spec.root,
        environment={
            **given,
            **{name: value for service in spec.services for name, value in while_building(service).items()},
            **named,
            **dict(spec.variables),
            "PATH": f"{environment.folder / 'bin'}:{SYSTEM_PATH}",
            **_hooks(spec),
            "PYTHONPATH": ":".join((*python_path(spec, tree), inside.FOLDER)),
            "PYTHONUNBUFFERED": "1",
            "VIRTUAL_ENV": str(environment.folder),
            "HOME": str(home),
            "LANG": "C.UTF-8",
        },
    )


def surroundings(release: ReleaseId, spec: AppSpec, tree: Path) -> dict[str, str]:
    """What the platform that the app was written for sets while it builds: settings may look where they are."""
    if spec.personality is None:
        return {}
    granted = {name: value for service in spec.services for name, value in while_building(service).items()}
    around = Surroundings(
        environment=release.environment,
        hosts=spec.personality.hosts,
        sha="",
        ref="",
        number=release.number,
        folder=str(tree / spec.root),
        granted=granted,
        secret=_PLACEHOLDER,
        relationships=spec.personality.relationships,
    )
    return variables_of(spec.personality, around)


def _hooks(spec: AppSpec) -> dict[str, str]:
    """What the interpreters of build commands are to do beyond the app's own."""
    return {inside.HOOKS: "pullet_static"} if values(spec, ChangeKind.STATIC) else {}
