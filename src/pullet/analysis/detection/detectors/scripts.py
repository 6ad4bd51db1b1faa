"""Programs that a project offers by `[project.scripts]` or `[tool.poetry.scripts]`, where what they call serves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.detectors.programs import SUBJECT, imported_names, serving_call
from pullet.analysis.detection.own_scripts import FILE, own_scripts, through_python
from pullet.analysis.detection.repository import Repository, dotted_name, literal_text
from pullet.domain.app import Confidence, Evidence

_SERVES = ("serve", "runserver", "run-server", "server", "web", "start", "run")


def detect(repository: Repository) -> Iterable[Evidence]:
    for name, target in own_scripts(repository).items():
        path = _file_of(repository, target["module"])
        tree = repository.module(path) if path else None
        if tree is None or (call := serving_call(tree, imported_names(tree))) is None:
            continue
        chosen = next((each for each in _SERVES if each in set(_subcommands(tree))), "")
        because = f"{FILE} has a program {name}, and {path} serves by line {call.lineno}"
        place = repository.place(FILE, repository.line_of(FILE, target[0]))
        command = f"{through_python(target)} {chosen}".strip()
        yield Evidence(SUBJECT, command, place, Confidence.POSSIBLE, "scripts", because)


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
