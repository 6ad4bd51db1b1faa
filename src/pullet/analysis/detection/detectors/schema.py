"""How an app's tables come about: migrations at each deployment, or a command that makes them once, on new data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from pullet.analysis.detection.detectors.dependencies import requirements
from pullet.analysis.detection.repository import Repository, dotted_name, literal_text
from pullet.domain.app import Confidence, Evidence

MIGRATE, FIRST = "fact.schema.migrate", "fact.schema.first"
"""Subjects. The value is a command; in one that begins with `{app} ` the framework's own program takes the app's place:
`FLASK_APP=shop:create_app flask`."""

_DETECTOR = "schema"
_NAME = (
    r"(?:(?:init|create|setup|initiali[sz]e|make)[-_]?(?:the[-_]?)?(?:db|database|tables|schema)"
    r"|(?:db|database)[-_](?:init|create|setup))"
)
_COMMAND = re.compile(_NAME)
_SCRIPT = re.compile(rf"(?:{_NAME}|seed(?:[-_]?(?:db|database|data))?)\.py")
_MAKES = re.compile(
    r"create_all\(|executescript\(|CREATE TABLE|create_tables\(|generate_schemas\(|session\.add|INSERT INTO"
)


def detect(repository: Repository) -> Iterable[Evidence]:
    yield from _migrations(repository)
    yield from _commands(repository)
    yield from _scripts(repository)


def _migrations(repository: Repository) -> Iterator[Evidence]:
    listed = {requirement.name.partition("[")[0]: requirement for requirement in requirements(repository)}
    flask = sorted(path for path in repository.paths if re.fullmatch(r"([\w-]+/){0,2}migrations/env\.py", path))
    if "flask-migrate" in listed and flask:
        folder = str(PurePosixPath(flask[0]).parent)
        option = "" if folder == "migrations" else f" --directory {folder}"
        because = f"Flask-Migrate is among the dependencies, and {folder} holds migrations"
        yield _say(repository, MIGRATE, f"{{app}} db upgrade{option}", (flask[0], 0), because)
    elif "alembic" in {*listed} and "alembic.ini" in repository.paths:
        yield _say(repository, MIGRATE, "alembic upgrade head", ("alembic.ini", 0), "alembic.ini is at the top")
    if "aerich" in listed and "aerich" in repository.toml("pyproject.toml").get("tool", {}):
        place = ("pyproject.toml", repository.line_of("pyproject.toml", "[tool.aerich]"))
        yield _say(repository, MIGRATE, "aerich upgrade", place, "pyproject.toml sets aerich up")


def _commands(repository: Repository) -> Iterator[Evidence]:
    """Functions that Flask or Quart makes commands of: `@click.command("init-db")`, `@app.cli.command()`."""
    for path in repository.python_files:
        if ".command(" not in repository.text(path) or not (tree := repository.module(path)):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (name := _command(node)):
                because = f"{path} has a command that makes the tables"
                yield _say(repository, FIRST, f"{{app}} {name}", (path, node.lineno), because)


def _command(function: ast.FunctionDef) -> str | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and dotted_name(decorator.func).endswith(("click.command", "cli.command")):
            name = literal_text(decorator.args[0]) if decorator.args else function.name.replace("_", "-")
            plain = (name or "").removesuffix("-command")
            return plain if _COMMAND.fullmatch(plain) else None
    return None


def _scripts(repository: Repository) -> Iterator[Evidence]:
    """Scripts at the top, and functions that the project offers as programs."""
    for path in sorted(repository.paths):
        if _SCRIPT.fullmatch(path) and _MAKES.search(repository.text(path)):
            yield _say(repository, FIRST, f"python {path}", (path, 0), f"{path} makes the tables")
    content = repository.toml("pyproject.toml")
    poetry = content.get("tool", {}).get("poetry", {}) if isinstance(content.get("tool"), dict) else {}
    for table in (content.get("project"), poetry):
        scripts = table.get("scripts") if isinstance(table, dict) else None
        for name, target in scripts.items() if isinstance(scripts, dict) else ():
            found = re.fullmatch(r"([\w.]+):(\w+)", target) if isinstance(target, str) else None
            if found and _COMMAND.fullmatch(name):
                place = ("pyproject.toml", repository.line_of("pyproject.toml", name))
                command = f'python -c "from {found[1]} import {found[2]}; {found[2]}()"'
                yield _say(repository, FIRST, command, place, f"the project has a program {name}")


def _say(repository: Repository, subject: str, command: str, place: tuple[str, int], because: str) -> Evidence:
    return Evidence(subject, command, repository.place(*place), Confidence.POSSIBLE, _DETECTOR, because)
