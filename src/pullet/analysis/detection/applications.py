"""WSGI and ASGI applications found by reading the code: objects, factories and plain callables at module level."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from pullet.analysis.detection.repository import Repository, assigned_names, is_importable, module_name
from pullet.domain.app import Confidence, Place

WSGI, ASGI = "wsgi", "asgi"
FRAMEWORKS = {
    "flask.Flask": ("Flask", WSGI),
    "fastapi.FastAPI": ("FastAPI", ASGI),
    "starlette.applications.Starlette": ("Starlette", ASGI),
    "litestar.Litestar": ("Litestar", ASGI),
    "quart.Quart": ("Quart", ASGI),
}
_CONVENTIONAL = ("main", "app", "application", "server", "api", "run", "index", "__init__")
_NAMES = ("app", "application", "api", "asgi", "wsgi", "server", "asgi_app", "wsgi_app")
_FACTORIES = ("create_app", "make_app", "build_app", "get_app", "app_factory")
_HINTS = (
    b"Flask",
    b"FastAPI",
    b"Starlette",
    b"Litestar",
    b"Quart",
    b"start_response",
    b"scope",
    b"create_app",
    b"make_app",
)


@dataclass(frozen=True)
class Application:
    """Something a server can be pointed at: `shop.main:app`."""

    path: str
    line: int
    attribute: str
    framework: str
    """`Flask`…; empty for a plain callable."""
    interface: str
    factory: bool = False

    @property
    def target(self) -> str:
        return f"{module_name(self.path)}:{self.attribute}"

    @property
    def place(self) -> Place:
        return Place(self.path, self.line)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Lower is likelier: shallow, in a file of a usual name, an object and no factory, under a usual name."""
        stem = self.path.rsplit("/", 1)[-1].removesuffix(".py")
        depth = self.path.removeprefix("src/").count("/") - (stem == "__init__")
        file_rank = 0 if stem in ("wsgi", "asgi") else 1 if stem in _CONVENTIONAL else 2
        return (max(depth, 0), file_rank, self.factory, 0 if self.attribute in (*_NAMES[:2], *_FACTORIES) else 1)

    @property
    def confidence(self) -> Confidence:
        return Confidence.LIKELY if self.framework and self.rank[1] < 2 else Confidence.POSSIBLE


def find_applications(repository: Repository) -> list[Application]:
    """All there are, the likeliest first."""
    found = [
        application
        for path in repository.python_files()
        if is_importable(path) and any(hint in repository.files[path] for hint in _HINTS)
        for application in _in_module(path, repository.tree(path))
    ]
    return sorted(_without_called_factories(found), key=lambda application: (application.rank, application.target))


def _in_module(path: str, tree: ast.Module | None) -> Iterator[Application]:
    if tree is None:
        return
    imports = _imports(tree)
    for node in tree.body:
        match node:
            case ast.Assign() | ast.AnnAssign():
                yield from _assigned(path, node, imports)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _defined(path, node, imports)
            case _:
                pass


def _assigned(path: str, node: ast.Assign | ast.AnnAssign, imports: dict[str, str]) -> Iterator[Application]:
    if not isinstance(node.value, ast.Call):
        return
    called = _dotted(node.value.func, imports)
    framework, interface = FRAMEWORKS.get(called, ("", ""))
    if not framework and called.rsplit(".", 1)[-1] in _FACTORIES:
        interface = "unknown"  # what an imported factory returns is for the dependencies to say
    if interface:
        for name in assigned_names(node):
            yield Application(path, node.lineno, name, framework, interface)


def _defined(path: str, node: ast.FunctionDef | ast.AsyncFunctionDef, imports: dict[str, str]) -> Iterator[Application]:
    parameters = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if isinstance(node, ast.FunctionDef) and parameters == ["environ", "start_response"]:
        yield Application(path, node.lineno, node.name, "", WSGI)
    elif isinstance(node, ast.AsyncFunctionDef) and parameters == ["scope", "receive", "send"]:
        yield Application(path, node.lineno, node.name, "", ASGI)
    elif isinstance(node, ast.FunctionDef) and node.name in _FACTORIES and _callable_without_arguments(node.args):
        framework, interface = _made_inside(node, imports)
        if framework:
            yield Application(path, node.lineno, node.name, framework, interface, factory=True)


def _callable_without_arguments(arguments: ast.arguments) -> bool:
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return required <= 0 and all(default is not None for default in arguments.kw_defaults)


def _made_inside(node: ast.FunctionDef, imports: dict[str, str]) -> tuple[str, str]:
    local = imports | _imports(node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and (found := FRAMEWORKS.get(_dotted(inner.func, local))):
            return found
    return "", ""


def _imports(tree: ast.AST) -> dict[str, str]:
    """Local name -> what it stands for, e.g. `F` -> `flask.Flask` after `from flask import Flask as F`."""
    names: dict[str, str] = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.split(".")[0]: (alias.asname and alias.name) or alias.name.split(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def _dotted(node: ast.expr, imports: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return imports.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, imports)}.{node.attr}"
    return ""


def _without_called_factories(found: list[Application]) -> list[Application]:
    """`app = create_app()` in a module makes the factory itself superfluous."""
    objects = [application for application in found if not application.factory]
    called = any(application.interface == "unknown" for application in objects)
    return objects if objects and called else found
