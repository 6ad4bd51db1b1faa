"""Documentation that fails the build: nothing generated is stale, and everything a user can meet is described."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

import pullet
from pullet.api import reference as api
from pullet.cli import reference as commands
from pullet.cli.main import main
from pullet.config.fleet_file import FleetFile
from pullet.domain.conditions import ConditionType
from pullet.domain.errors import PulletError
from pullet.domain.home import Home

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def every_error_class() -> Iterator[type[PulletError]]:
    for module in pkgutil.walk_packages(pullet.__path__, "pullet."):
        inside = ".inside." in module.name  # made for an app's interpreter, or for a page
        if not inside and not module.name.endswith(("shim", "boot", "relay")):
            importlib.import_module(module.name)
    waiting = [PulletError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting.extend(kind.__subclasses__())


def test_every_error_code_is_explained() -> None:
    page = (REFERENCE / "errors.md").read_text()
    missing = {kind.code for kind in every_error_class() if f"| `{kind.code}` |" not in page}
    assert missing == set()


def test_every_condition_and_reason_is_explained() -> None:
    page = (REFERENCE / "conditions.md").read_text()
    tree = ast.parse((ROOT / "src/pullet/planner/status.py").read_text())
    reasons = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"([A-Z][a-z]+)+", node.value)
    }
    assert reasons
    assert {word for word in {*ConditionType, *reasons} if f"`{word}`" not in page} == set()


def test_every_event_kind_is_explained() -> None:
    page = (REFERENCE / "conditions.md").read_text()
    code = "".join(path.read_text() for path in (ROOT / "src/pullet/reconcile").glob("*.py"))
    kinds = set(re.findall(r'(?:events\.append\(|note_if_possible\(\s*[\w.]+,)\s*"([a-z-]+)"', code))
    assert kinds
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()


def test_every_place_in_the_home_is_named() -> None:
    page = (REFERENCE / "home.md").read_text()
    home = Home(Path("/home"))
    paths = [getattr(home, name) for name, value in vars(Home).items() if isinstance(value, property)]
    first = {path.relative_to(home.root).parts[0] for path in paths}
    assert {name for name in first if not re.search(rf"`{re.escape(name)}[/`]", page)} == set()


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in models_in(field.annotation):
            yield from keys_of(inner)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def test_every_key_of_a_fleet_file_is_named() -> None:
    page = (REFERENCE / "fleet.md").read_text()
    keys = set(keys_of(FleetFile))
    assert {"url", "skip", "spares"} <= keys
    assert {key for key in keys if not re.search(rf"\b{key}\b", page)} == set()


def test_generated_pages_are_not_stale() -> None:
    """`scripts/reference` writes them; test_config_reference.py looks at the configuration's."""
    assert (REFERENCE / "commands.md").read_text() == commands.render()
    assert (REFERENCE / "openapi.json").read_text() == api.render()


def test_every_route_of_the_api_is_described() -> None:
    page = (REFERENCE / "api.md").read_text()
    routes = {f"{method.upper()} {path}" for path, item in json.loads(api.render())["paths"].items() for method in item}
    assert routes
    assert {route for route in routes if f"| `{route}`" not in page} == set()


def command_lines() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(r"```(?:console|sh|bash)\n(.*?)```", page.read_text(), re.S):
            for line in block.splitlines():
                words = line.removeprefix("$ ").split("  #")[0].split(" #")[0].strip()
                if re.match(r"(\S+=\S+ )*(scripts/)?pullet ", words):
                    yield page.name, re.sub(r"^(\S+=\S+ )*(scripts/)?pullet ", "", words)


@pytest.mark.parametrize(("page", "line"), list(command_lines()))
def test_every_command_line_in_the_docs_is_understood(page: str, line: str) -> None:
    words = shlex.split(line)
    context = main.make_context("pullet", list(words), resilient_parsing=True)
    command: click.Command = main
    while isinstance(command, click.Group) and (words or not command.invoke_without_command):
        found = command.get_command(context, name := words.pop(0))
        assert found is not None, f"{page}: pullet {line}"
        command = found
        if isinstance(command, click.Group):
            context = command.make_context(name, list(words), parent=context)
    with contextlib.suppress(click.exceptions.Exit):  # --help
        command.make_context(name, words, parent=context)


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
