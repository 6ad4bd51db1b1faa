"""From the files of a commit to the description of the app: reads git's objects, decides purely."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from pullet.analysis.detection import as_read, files_to_read, services_beside, understand
from pullet.analysis.detection.repository import Repository
from pullet.analysis.testing.detecting import detect_tests, files_with_tests
from pullet.config.app_file import APP_FILE, PYPROJECT, find_app_file
from pullet.domain.app import AppSpec, Decision, DependencyKind, Process
from pullet.domain.fleet import EnvironmentSpec, ProcessOverride
from pullet.domain.healing import Change, ChangeKind
from pullet.domain.hosts import written
from pullet.domain.security import Severity
from pullet.ports import Tree
from pullet.reconcile.tasks import both

_WHEELS = datetime(2022, 12, 31, tzinfo=UTC)
"""The usual packages had wheels for Python 3.11, which every box has, by then."""


async def understand_app(tree: Tree, name: str, *, tests: bool = False) -> AppSpec:
    """`tests`: find out how they are run also where no gate asks for that, which costs a look at every one of them.

    Raises ConfigError, NoAppFound, AmbiguousApp, SourceError.
    """
    spec, committed = await both(_understand(tree, name), tree.committed(), name=f"understand:{name}")
    if (tests or "tests" in spec.gates) and not spec.tests.command:
        spec = await _with_tests(tree, spec)
    return with_date(spec, committed)


async def detected_tests(tree: Tree, root: str = ".") -> Decision | None:
    """How the tests below a folder are run, of an app or of anything else. Raises SourceError."""
    entries = [(entry.path, entry.size) for entry in await tree.entries() if entry.kind == "file"]
    files = await tree.read(files_with_tests(entries, root))
    return await asyncio.to_thread(detect_tests, Repository([path for path, _ in entries], files, root))


async def _with_tests(tree: Tree, spec: AppSpec) -> AppSpec:
    found = await detected_tests(tree, spec.root)
    if found is None:
        return spec
    return replace(spec, tests=replace(spec.tests, command=found.value), decisions=(*spec.decisions, found))


def with_date(spec: AppSpec, committed: float | None) -> AppSpec:
    """The spec of a commit made then (seconds since the epoch), with what follows from that."""
    return replace(spec, committed=committed, changes=(*_as_of(spec, committed), *spec.changes))


def _as_of(spec: AppSpec, committed: float | None) -> tuple[Change, ...]:
    """What is told from imports has no versions: those of the commit's time fit it. Older ones than today's Pythons
    have wheels of would have to be built."""
    told = spec.dependencies.kind is DependencyKind.IMPORTS and spec.dependencies.extra
    if not told or committed is None or any(change.kind is ChangeKind.EXCLUDE_NEWER for change in spec.changes):
        return ()
    moment = max(datetime.fromtimestamp(committed, UTC), _WHEELS)
    return (Change(ChangeKind.EXCLUDE_NEWER, f"{moment:%Y-%m-%dT%H:%M:%SZ}"),)


async def _understand(tree: Tree, name: str) -> AppSpec:
    entries = [(entry.path, entry.size) for entry in await tree.entries() if entry.kind == "file"]
    paths = [path for path, _ in entries]
    configuration = [path for path in (APP_FILE, PYPROJECT) if path in paths]
    files = await tree.read(list({*files_to_read(entries), *configuration}))
    app_file = find_app_file(files)
    if app_file is None:
        return await asyncio.to_thread(understand, paths, files, None, name)  # a hostile repository can cost seconds
    declared = app_file.declared()
    if declared.root != ".":
        files = {**files, **await tree.read(files_to_read(entries, declared.root))}
    spec = await asyncio.to_thread(understand, paths, files, declared, name)
    # A table of the owner's own takes the place of what was detected, also an empty one.
    schedules = app_file.schedule_specs() if "schedule" in app_file.model_fields_set else spec.schedules
    gates = tuple(gate for gate, table in app_file.gates if table)
    decisions = {decision.subject: decision for decision in spec.decisions}
    services = (*(as_read(service, decisions) for service in app_file.service_specs()), *spec.services)
    build = app_file.build
    if app_file.gates.security is not None:
        gate = app_file.gates.security
        spec = replace(spec, fail_on=Severity(gate.fail_on), tried_out=gate.live)
    spec = replace(spec, tests=app_file.gates.suite(), browser=app_file.gates.browser_tests())
    spec = replace(spec, gates=gates, services=services, schedules=schedules)
    return replace(spec, heal=build.heal_policy, changes=build.changes)


def apply_overrides(spec: AppSpec, environment: EnvironmentSpec) -> AppSpec:
    """What the fleet says about this environment wins over what the app says about itself."""
    overrides = dict(environment.processes)
    hosts = {name: written(environment.hosts, form) for name, form in spec.hosts}
    return replace(
        spec,
        processes=tuple(_override(process, overrides.get(process.name)) for process in spec.processes),
        services=services_beside(spec, (name for name, _ in (*environment.variables, *environment.secrets))),
        variables=tuple({**hosts, **dict(spec.variables), **dict(environment.variables)}.items()),
        secrets_sealed=environment.secrets,
        personality=replace(spec.personality, hosts=environment.hosts) if spec.personality else None,
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
