"""Evidence in, one description of the app out. Pure: what wins, what lost and why are all in the result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from pullet.analysis.detection.applications import Application, find_applications
from pullet.analysis.detection.conventions import procfile, python_version
from pullet.analysis.detection.dependencies import dependency_files, requirement_names
from pullet.analysis.detection.django import django_evidence, find_django
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.serving import added_for_command, serve_application, serve_django
from pullet.domain.app import (
    AppSpec,
    Confidence,
    Decision,
    Dependencies,
    DependencyKind,
    Evidence,
    HealthCheck,
    Process,
    StaticMount,
)
from pullet.domain.declared import Declared, DeclaredProcess
from pullet.domain.errors import AmbiguousApp, NoAppFound

_WEB = "processes.web.command"
_ORDER = list(Confidence)
_LOOKED_FOR = (
    "pullet.toml with [processes.web], a Procfile with a web line, manage.py of Django, a module-level Flask, FastAPI,"
    " Starlette, Litestar or Quart object or a create_app() factory, or a plain WSGI or ASGI callable"
)


def understand(paths: Collection[str], files: Mapping[str, bytes], declared: Declared | None, name: str) -> AppSpec:
    """Describe the app. Raises NoAppFound, AmbiguousApp; both leave it to the owner to write one line."""
    declared = declared or Declared("pullet.toml")
    root = declared.root if declared.root != "." else _find_root(paths, files, declared, name)
    return _understand_at(root, paths, files, declared, name)


def _find_root(paths: Collection[str], files: Mapping[str, bytes], declared: Declared, name: str) -> str:
    """The top, where an app is there; else the one folder below it that has one."""
    top = Repository.below(".", paths, files)
    if _web_evidence(top, declared, requirement_names(top)):
        return "."
    found = [
        folder
        for folder in top.top_folders()
        if (below := Repository.below(folder, paths, files)).python_files()
        and any(True for _ in (*procfile(below), *dependency_files(below)))
        and _web_evidence(below, declared, requirement_names(below))
    ]
    if len(found) > 1:
        raise AmbiguousApp(
            f"{name} has an app in each of {', '.join(found)}",
            hint=f'Say which one in pullet.toml: [app] root = "{found[0]}"',
        )
    return found[0] if found else "."


def _understand_at(
    root: str, paths: Collection[str], files: Mapping[str, bytes], declared: Declared, name: str
) -> AppSpec:
    repository = Repository.below(root, paths, files)
    requirements = requirement_names(repository)
    evidence = [*_declared_evidence(declared), *_detect(repository, declared, requirements)]
    decisions = {decision.subject: decision for decision in decide(evidence)}
    if _WEB not in decisions:
        raise NoAppFound(
            f"Nothing to run was found in {name}" + (f"/{root}" if root != "." else ""),
            context="\n".join((f"Looked for {_LOOKED_FOR}.", *repository.unreadable.values())),
            hint='Write a pullet.toml with [processes.web] command = "…", or name the folder: [app] root = "…".',
        )
    return AppSpec(
        root=root,
        python=_value(decisions, "app.python"),
        dependencies=_dependencies(decisions, requirements),
        processes=_processes(decisions, declared),
        build_commands=_commands(decisions, "build.commands", declared.build_commands),
        release_commands=_commands(decisions, "release.commands", declared.release_commands),
        static=_static(decisions, declared),
        variables=declared.variables,
        secrets_required=declared.secrets_required,
        secrets_generated=declared.secrets_generated,
        gates=declared.gates,
        services=declared.services,
        schedules=declared.schedules,
        decisions=tuple(decisions.values()),
    )


def _detect(repository: Repository, declared: Declared, requirements: frozenset[str]) -> list[Evidence]:
    django = find_django(repository)
    return [
        *procfile(repository),
        *python_version(repository),
        *dependency_files(repository),
        *(django_evidence(django) if django is not None else ()),
        *_web_evidence(repository, declared, requirements),
    ]


def _web_evidence(repository: Repository, declared: Declared, requirements: frozenset[str]) -> list[Evidence]:
    """What speaks for a web process, without what pullet.toml says itself."""
    said = [evidence for evidence in procfile(repository) if evidence.subject == _WEB]
    if said or any(process.name == "web" and process.command for process in declared.processes):
        return said or [_declared_web(declared)]
    django = find_django(repository)
    serving = serve_django(django, requirements) if django is not None else None
    if django is not None and serving is not None:
        because = f"manage.py names {django.settings}; {serving.because}"
        return [Evidence(_WEB, serving.command, django.place, Confidence.LIKELY, "django", because)]
    return _application_evidence(find_applications(repository), requirements)


def _application_evidence(found: Sequence[Application], requirements: frozenset[str]) -> list[Evidence]:
    _refuse_a_tie(found)
    evidence = []
    for application in found[:5]:
        serving = serve_application(application, requirements)
        what = f"{application.framework or application.interface.upper()} {'factory' if application.factory else 'app'}"
        because = f"{what} {application.attribute}; {serving.because}"
        evidence.append(
            Evidence(_WEB, serving.command, application.place, application.confidence, "applications", because)
        )
    return evidence


def _refuse_a_tie(found: Sequence[Application]) -> None:
    if len(found) < 2 or found[0].rank != found[1].rank:
        return
    one, other = found[0], found[1]
    raise AmbiguousApp(
        f"Two apps are equally likely: {one.target} ({one.place}) and {other.target} ({other.place})",
        hint=f'Say which in pullet.toml: [processes.web] command = "{serve_application(one, frozenset()).command}"',
    )


def decide(evidence: Iterable[Evidence]) -> list[Decision]:
    """For each setting the surest evidence wins, the earlier one among equals; settings that are lists keep all."""
    subjects: dict[str, list[Evidence]] = {}
    for item in evidence:
        subjects.setdefault(item.subject, []).append(item)
    return [_decide_one(subject, items) for subject, items in subjects.items()]


def _decide_one(subject: str, items: list[Evidence]) -> Decision:
    ranked = sorted(items, key=lambda item: _ORDER.index(item.confidence))
    winner, *others = ranked
    return Decision(subject, winner.value, (winner,), tuple(other for other in others if other.value != winner.value))


def _declared_evidence(declared: Declared) -> list[Evidence]:
    said = {"app.python": declared.python, "app.root": None if declared.root == "." else declared.root}
    said |= {f"processes.{process.name}.command": process.command for process in declared.processes}
    if declared.build_commands:
        said["build.commands"] = " && ".join(declared.build_commands)
    if declared.release_commands:
        said["release.commands"] = " && ".join(declared.release_commands)
    return [_said(declared, subject, value) for subject, value in said.items() if value is not None]


def _declared_web(declared: Declared) -> Evidence:
    command = next(process.command for process in declared.processes if process.name == "web" and process.command)
    return _said(declared, _WEB, command or "")


def _said(declared: Declared, subject: str, value: str) -> Evidence:
    return Evidence(subject, value, declared.place(subject), Confidence.CERTAIN, "declared", "written there")


def _value(decisions: Mapping[str, Decision], subject: str) -> str | None:
    return decisions[subject].value if subject in decisions else None


def _dependencies(decisions: Mapping[str, Decision], requirements: frozenset[str]) -> Dependencies:
    web = decisions[_WEB].value
    added = added_for_command(web, requirements)
    chosen = _value(decisions, "dependencies")
    if chosen is None:
        return Dependencies(DependencyKind.NONE, "", added)
    kind, path = chosen.split(" ", 1)
    return Dependencies(DependencyKind(kind), path, added)


def _processes(decisions: Mapping[str, Decision], declared: Declared) -> tuple[Process, ...]:
    commands = {
        subject.split(".")[1]: decision.value
        for subject, decision in decisions.items()
        if subject.startswith("processes.") and subject.endswith(".command")
    }
    said = {process.name: process for process in declared.processes}
    return tuple(_process(Process(name, command), said.get(name)) for name, command in commands.items())


def _process(process: Process, said: DeclaredProcess | None) -> Process:
    if said is None:
        return process
    plain = {key: getattr(said, key) for key in ("instances", "memory", "drain", "spares")}
    health = {key: value for key, value in vars(said.health).items() if value is not None}
    declared = said.health.path is not None
    return replace(
        process,
        **{key: value for key, value in plain.items() if value is not None},
        health=replace(HealthCheck(), **health, declared=declared),
    )


def _commands(decisions: Mapping[str, Decision], subject: str, declared: tuple[str, ...] | None) -> tuple[str, ...]:
    if declared is not None:
        return declared
    value = _value(decisions, subject)
    return (value,) if value is not None else ()


def _static(decisions: Mapping[str, Decision], declared: Declared) -> tuple[StaticMount, ...]:
    if declared.static is not None:
        return declared.static
    value = _value(decisions, "static")
    if value is None:
        return ()
    url, folder = value.split(" ", 1)
    return (StaticMount(url, folder),)
