"""Programs that a project offers by `[project.scripts]` or `[tool.poetry.scripts]`, where what they call serves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.detectors.programs import SUBJECT, imported_names, serving_call
from pullet.analysis.detection.repository import Repository, dotted_name, literal_text
from pullet.domain.app import Confidence, Evidence

_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.\w+){0,9}):([A-Za-z_]\w*)")
_SERVES = ("serve", "runserver", "run-server", "server", "web", "start", "run")
_FILE = "pyproject.toml"


def detect(repository: Repository) -> Iterable[Evidence]:
    for name, module, function in _scripts(repository):
        path = _file_of(repository, module)
        tree = repository.module(path) if path else None
        if tree is None or (call := serving_call(tree, imported_names(tree))) is None:
            continue
        # the project is not installed but imported from its folder
        command = f'python -c "from {module} import {function}; {function}()"'
        chosen = next((each for each in _SERVES if each in set(_subcommands(tree))), "")
        because = f"{_FILE} has a program {name}, and {path} serves by line {call.lineno}"
        place = repository.place(_FILE, repository.line_of(_FILE, f"{module}:{function}"))
        yield Evidence(SUBJECT, f"{command} {chosen}".strip(), place, Confidence.POSSIBLE, "scripts", because)


def _scripts(repository: Repository) -> Iterator[tuple[str, str, str]]:
    content = repository.toml(_FILE)
    tool = content.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    for table in (content.get("project"), poetry):
        listed = table.get("scripts") if isinstance(table, dict) else None
        for name, target in listed.items() if isinstance(listed, dict) else ():
            if isinstance(target, str) and (found := _TARGET.fullmatch(target)):
                yield name, found[1], found[2]


def _file_of(repository: Repository, module: str) -> str:
    stem = module.replace(".", "/")
    found = (f"{base}{stem}{end}" for base in ("", "src/") for end in (".py", "/__init__.py"))
    return next((path for path in found if path in repository.paths), "")


def _subcommands(tree: ast.Module) -> Iterator[str]:
    """Of click and Typer: `@cli.command("serve")`, `@app.command()` on a function `serve`."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                owner, _, method = dotted_name(call.func if call else decorator).rpartition(".")
                if method == "command" and owner != "click":
                    given = literal_text(call.args[0]) if call and call.args else None
                    yield given or node.name.replace("_", "-")
