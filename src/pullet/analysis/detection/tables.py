"""From what speaks for tables to commands: migrations as release commands, else what makes the tables once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from shlex import quote

from pullet.analysis.detection.application import Application
from pullet.analysis.detection.detectors import entry_points, schema
from pullet.domain.app import Decision, Evidence

RELEASE, FIRST = "release.commands", "release.first"
_PROGRAMS = {"Flask": "flask", "APIFlask": "flask", "Quart": "quart"}


def decide_schema(evidence: Sequence[Evidence], decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Decisions on `release.commands` and `release.first` where nobody wrote any down.

    What is written down may make the tables by itself, in the web command too: then nothing is added.
    """
    program = _program(decisions)
    migrate = _commands(evidence, schema.MIGRATE, RELEASE, program)
    first = _commands(evidence, schema.FIRST, FIRST, program)
    if RELEASE in decisions or any(_prepares(found.value) for name, found in decisions.items() if _is_web(name)):
        return {}
    if migrate:
        return {RELEASE: Decision(RELEASE, migrate[0].value, migrate[:1], migrate[1:])}
    if first and FIRST not in decisions:
        return {FIRST: Decision(FIRST, first[0].value, first[:1], first[1:])}
    return {}


def _commands(evidence: Sequence[Evidence], fact: str, subject: str, program: str) -> tuple[Evidence, ...]:
    found = (each for each in evidence if each.subject == fact and (program or "{app}" not in each.value))
    return tuple(replace(each, subject=subject, value=each.value.replace("{app}", program)) for each in found)


def _program(decisions: Mapping[str, Decision]) -> str:
    """`FLASK_APP=shop:create_app flask`, which every version takes; empty where the framework has no commands."""
    chosen = decisions.get(entry_points.SUBJECT)
    if chosen is None:
        return ""
    because = " ".join(found.because for found in chosen.evidence)
    program = next((program for framework, program in _PROGRAMS.items() if f" {framework} " in because), "")
    application = Application.parse(chosen.value)
    target = quote(f"{application.module}:{application.name}")
    return f"{program.upper()}_APP={target} {program}" if program else ""


def _is_web(subject: str) -> bool:
    return subject == "processes.web.command"


def _prepares(command: str) -> bool:
    return any(word in command for word in ("db upgrade", "alembic upgrade", "migrate", "init-db", "init_db"))
