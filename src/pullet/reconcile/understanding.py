"""From the files of a commit to the description of the app: reads git's objects, decides purely."""

from __future__ import annotations

from dataclasses import replace

from pullet.analysis.detection import files_to_read, understand
from pullet.config.app_file import find_app_file
from pullet.domain.app import AppSpec, Process
from pullet.domain.fleet import EnvironmentSpec, ProcessOverride
from pullet.ports import Tree

_CONFIGURATION = ("pullet.toml", "pyproject.toml")


async def understand_app(tree: Tree, name: str) -> AppSpec:
    """Raises ConfigError, NoAppFound, AmbiguousApp, SourceError."""
    entries = [entry for entry in await tree.entries() if entry.kind == "file"]
    paths = [entry.path for entry in entries]
    wanted = files_to_read([(entry.path, entry.size) for entry in entries])
    files = await tree.read(list({*wanted, *(path for path in _CONFIGURATION if path in paths)}))
    return understand(paths, files, find_app_file(files), name)


def apply_overrides(spec: AppSpec, environment: EnvironmentSpec) -> AppSpec:
    """What the fleet says about this environment wins over what the app says about itself."""
    overrides = dict(environment.processes)
    return replace(
        spec,
        processes=tuple(_override(process, overrides.get(process.name)) for process in spec.processes),
        variables=tuple({**dict(spec.variables), **dict(environment.variables)}.items()),
    )


def _override(process: Process, override: ProcessOverride | None) -> Process:
    if override is None:
        return process
    return replace(
        process,
        instances=process.instances if override.instances is None else override.instances,
        memory=process.memory if override.memory is None else override.memory,
        spares=process.spares if override.spares is None else override.spares,
    )
