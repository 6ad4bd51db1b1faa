"""From decisions to the AppSpec they describe."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from pullet.analysis.detection.detectors import conda, dependencies
from pullet.analysis.detection.servers import REQUIREMENTS, server_of
from pullet.domain.app import (
    AppSpec,
    Confidence,
    Decision,
    Dependencies,
    DependencyKind,
    HealthCheck,
    Process,
    Schedule,
    Server,
    StaticMount,
)
from pullet.domain.errors import ConfigError
from pullet.domain.hosts import HostForm
from pullet.domain.services import ServiceSpec, ServiceType


def assemble(root: str, decisions: Mapping[str, Decision]) -> AppSpec:
    """Raises ConfigError for a declared process that nobody gave a command."""
    values = {subject: decision.value for subject, decision in decisions.items()}
    processes = tuple(_process(name, values, decisions) for name in _process_names(decisions))
    return AppSpec(
        root=root,
        python=values.get("app.python"),
        dependencies=_dependencies(decisions, processes),
        processes=processes,
        build_commands=_lines(values, "build.commands"),
        release_commands=_lines(values, "release.commands"),
        first_commands=_lines(values, "release.first"),
        sanitize_commands=_lines(values, "release.sanitize"),
        static=tuple(StaticMount(url.rstrip("/"), folder) for url, folder in _table(values, "static")),
        variables=tuple(_table(values, "variables")),
        hosts=tuple((name, HostForm(form)) for name, form in _table(values, "hosts")),
        secrets_required=_lines(values, "secrets.required"),
        secrets_generated=_lines(values, "secrets.generated"),
        services=tuple(_detected_services(decisions)),
        schedules=tuple(_schedules(values)),
        decisions=tuple(decisions.values()),
    )


def _process_names(decisions: Mapping[str, Decision]) -> list[str]:
    """Processes that have a command or that the owner speaks of; `web` first."""
    names: dict[str, None] = {}
    for subject, decision in decisions.items():
        table, _, rest = subject.partition(".")
        name, _, key = rest.partition(".")
        if table == "processes" and (key == "command" or decision.evidence[0].confidence is Confidence.CERTAIN):
            names[name] = None
    return sorted(names, key=lambda name: name != "web")


def _process(name: str, values: Mapping[str, str], decisions: Mapping[str, Decision]) -> Process:
    prefix = f"processes.{name}."
    said = {subject.removeprefix(prefix): value for subject, value in values.items() if subject.startswith(prefix)}
    if "command" not in said:
        raise _no_command(name, decisions)
    health = HealthCheck(
        path=said.get("health.path", "/"),
        declared="health.path" in said,
        timeout=float(said.get("health.timeout", HealthCheck.timeout)),
        grace=float(said.get("health.grace", HealthCheck.grace)),
    )
    return Process(
        name=name,
        command=said["command"],
        instances=int(said.get("instances", Process.instances)),
        memory=int(said["memory"]) if "memory" in said else None,
        health=health,
        drain=float(said.get("drain", Process.drain)),
        spares=int(said.get("spares", Process.spares)),
        on_port=said.get("on_port") == "true" and server_of(said["command"]) is Server.GUNICORN,
    )


def _detected_services(decisions: Mapping[str, Decision]) -> Iterator[ServiceSpec]:
    """Those that are declared have more to say than decisions hold: they come from pullet.toml itself."""
    for subject, decision in decisions.items():
        table, _, rest = subject.partition(".")
        name, _, key = rest.partition(".")
        certain = decision.evidence[0].confidence is Confidence.CERTAIN
        if table == "services" and key == "type" and decision.value and not certain:
            path = decisions.get(f"services.{name}.path")
            yield as_read(ServiceSpec(name, ServiceType(decision.value), path=path.value if path else ""), decisions)


def as_read(spec: ServiceSpec, decisions: Mapping[str, Decision]) -> ServiceSpec:
    """The service under the names that the code reads, with the URL that its libraries take; what is declared wins."""
    prefix = f"services.{spec.name}.variables."
    names = {
        subject.removeprefix(prefix): found.value for subject, found in decisions.items() if subject.startswith(prefix)
    }
    scheme = decisions.get(f"services.{spec.name}.scheme")
    return replace(
        spec,
        names=tuple({**names, **dict(spec.names)}.items()),
        scheme=spec.scheme or (scheme.value if scheme else ""),
    )


def _schedules(values: Mapping[str, str]) -> Iterator[Schedule]:
    """Those that other platforms' files have; pullet.toml's come from itself."""
    for subject, cron in values.items():
        table, _, rest = subject.partition(".")
        name, _, key = rest.partition(".")
        if table == "schedule" and key == "cron" and (command := values.get(f"schedule.{name}.command")):
            yield Schedule(name, cron, command)


def _no_command(name: str, decisions: Mapping[str, Decision]) -> ConfigError:
    prefix = f"processes.{name}."
    place = next(found.evidence[0].place for subject, found in decisions.items() if subject.startswith(prefix))
    return ConfigError(
        f"{place}: processes.{name}: no command, and none was detected",
        hint=f'For example:\n[processes.{name}]\ncommand = "python {name}.py"',
    )


def _dependencies(decisions: Mapping[str, Decision], processes: Iterable[Process]) -> Dependencies:
    own = set(_every_value(decisions.get(dependencies.SERVER_SUBJECT)))
    needed = dict.fromkeys(server for process in processes if (server := server_of(process.command)))
    extra = tuple(REQUIREMENTS[server] for server in needed if server not in own)
    if dependencies.SUBJECT in decisions:
        path = decisions[dependencies.SUBJECT].value
        return Dependencies(dependencies.kind_of(path), path, extra)
    if dependencies.LISTED not in decisions:
        return Dependencies(DependencyKind.NONE, "", extra)
    listed = decisions[dependencies.LISTED]
    path = PurePosixPath(listed.evidence[0].place.path).name
    kind, path = (DependencyKind.CONDA, path) if path in conda.FILES else (DependencyKind.IMPORTS, "")
    return Dependencies(kind, path, (*listed.value.split("\n"), *extra))


def _every_value(decision: Decision | None) -> Iterator[str]:
    if decision is not None:
        yield decision.value
        yield from (found.value for found in decision.runners_up)


def _lines(values: Mapping[str, str], subject: str) -> tuple[str, ...]:
    return tuple(line for line in values.get(subject, "").split("\n") if line)


def _table(values: Mapping[str, str], table: str) -> Iterator[tuple[str, str]]:
    """Entries of a table whose keys are the owner's own; a key that needs quotes has them in the subject."""
    for subject, value in values.items():
        first, _, key = subject.partition(".")
        if first == table:
            yield (str(tomllib.loads(f"key = {key}")["key"]) if key.startswith('"') else key), value
