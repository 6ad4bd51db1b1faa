"""What one Python module offers a server, read from its syntax tree: application objects, factories, imports.

Only statements at the top of the module count, with those under `if`, `try` and `with` there, but not under
`if __name__ == "__main__"`: a server that imports the module sees exactly these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from pullet.analysis.detection.application import ASGI, WSGI
from pullet.analysis.detection.frameworks import FACTORY_NAMES, OBJECT_NAMES, Made, framework_of
from pullet.analysis.detection.repository import dotted_name

_NESTING = 4  # blocks within blocks that are still looked into
_STATEMENTS = 5_000  # a module; generated ones have more and are no entry points

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Offer:
    """A name of the module that a server could use."""

    made: Made
    line: int
    because: str
    factory: bool = False


@dataclass(frozen=True)
class Link:
    """A name that comes from another module: imported as it is, or made by calling what was imported."""

    source: str
    """Fully dotted: `shop.create_app`."""
    line: int
    called: bool


@dataclass
class ModuleFacts:
    offers: dict[str, Offer] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """Local name -> fully dotted source."""
    imported: set[str] = field(default_factory=set)
    """Modules, and names in modules, that are imported; absolute."""
    absolute: set[str] = field(default_factory=set)
    """Those written without leading dots."""
    stars: list[str] = field(default_factory=list)
    """Modules all of whose names are imported."""
    made: dict[str, int] = field(default_factory=dict)
    """Names that servers look for, with their lines, where it is not known what the call behind them makes."""
    wrapped: dict[str, str] = field(default_factory=dict)
    """Application -> the one that is made around it: `socketio.ASGIApp(sio, app)`."""
    classes: dict[str, Made] = field(default_factory=dict)
    """Classes of the module whose instances are applications."""
    factories: dict[str, Made] = field(default_factory=dict)
    """Functions of the module that return an application, whatever arguments they need."""


def read_module(tree: ast.Module, package: str) -> ModuleFacts:
    """`package`: the dotted name that relative imports start from."""
    facts = ModuleFacts()
    for statement in _statements(tree.body):
        match statement:
            case ast.Import():
                _import(facts, statement)
            case ast.ImportFrom():
                _import_from(facts, statement, package)
            case ast.ClassDef():
                _class(facts, statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                _function(facts, statement)
            case ast.Assign(targets=targets, value=value):
                _assignment(facts, targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                _assignment(facts, [target], value)
    return facts


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    left = _STATEMENTS
    stack = [(statement, 0) for statement in reversed(list(body))]
    while stack and left:
        left -= 1
        statement, depth = stack.pop()
        yield statement
        if depth < _NESTING:
            stack.extend((inner, depth + 1) for inner in reversed(_inner(statement)))


def _inner(statement: ast.stmt) -> list[ast.stmt]:
    match statement:
        case ast.If(test=test, body=body, orelse=orelse):
            return list(orelse) if _is_main_guard(test) else [*body, *orelse]
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
            return [*body, *(inner for handler in handlers for inner in handler.body), *orelse, *finalbody]
        case ast.With(body=body):
            return list(body)
    return []


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _import(facts: ModuleFacts, statement: ast.Import) -> None:
    for alias in statement.names:
        facts.imports[alias.asname or alias.name.split(".", 1)[0]] = (
            alias.name if alias.asname else alias.name.split(".", 1)[0]
        )
        facts.imported.add(alias.name)
        facts.absolute.add(alias.name)


def _import_from(facts: ModuleFacts, statement: ast.ImportFrom, package: str) -> None:
    module = _absolute(statement, package)
    for alias in statement.names:
        if alias.name == "*":
            facts.stars.append(module)
        source = f"{module}.{alias.name}" if module else alias.name
        facts.imports[alias.asname or alias.name] = source
        facts.imported.update((module, source))
        if not statement.level:
            facts.absolute.update((module, source))
        if (alias.asname or alias.name) in OBJECT_NAMES:
            facts.links[alias.asname or alias.name] = Link(source, statement.lineno, called=False)


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - statement.level + 1] if statement.level <= len(parts) + 1 else []
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _class(facts: ModuleFacts, statement: ast.ClassDef) -> None:
    for base in statement.bases:
        if found := _made_by(facts, base):
            facts.classes[statement.name] = found
            return
    for inner in statement.body:
        if isinstance(inner, _Function) and inner.name == "__call__" and (found := _signature(inner, skip=1)):
            facts.classes[statement.name] = found


def _function(facts: ModuleFacts, function: _Function) -> None:
    plain = _signature(function)
    if plain and function.name in OBJECT_NAMES:
        because = f"{function.name} is a plain {plain.framework} callable"
        facts.offers[function.name] = Offer(plain, function.lineno, because)
    elif isinstance(function, ast.FunctionDef) and (made := _returned(facts, function)):
        facts.factories[function.name] = made
        if function.name in FACTORY_NAMES and not _needs_arguments(function):
            because = f"{function.name}() makes a {made.framework} application"
            facts.offers[function.name] = Offer(made, function.lineno, because, factory=True)


def _returned(facts: ModuleFacts, function: ast.FunctionDef) -> Made | None:
    """The application that a function returns, told from its own assignments."""
    inner = ModuleFacts(imports=dict(facts.imports), classes=facts.classes, factories=facts.factories)
    made: dict[str, Made] = {}
    for statement in _statements(function.body):
        match statement:
            case ast.ImportFrom():
                _import_from(inner, statement, "")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made.update({name: found} if (found := _application(inner, value)) else {})
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                made.update({name: found} if (found := _application(inner, value)) else {})
            case ast.Return(value=ast.Name(id=name)) if name in made:
                return made[name]
            case ast.Return(value=value) if found := _application(inner, value):
                return found
    return None


def _needs_arguments(function: _Function) -> bool:
    positional = [*function.args.posonlyargs, *function.args.args]
    keyword_only = [default for default in function.args.kw_defaults if default is None]
    return len(positional) > len(function.args.defaults) or bool(keyword_only)


def _signature(function: _Function, skip: int = 0) -> Made | None:
    """What PEP 3333 or the ASGI specification call an application, told by its parameters."""
    names = [argument.arg for argument in function.args.args][skip:]
    if names[:1] == ["scope"] and len(names) == 3 and isinstance(function, ast.AsyncFunctionDef):
        return Made("ASGI", ASGI)
    if len(names) == 2 and names[1] == "start_response" and isinstance(function, ast.FunctionDef):
        return Made("WSGI", WSGI)
    return None


def _assignment(facts: ModuleFacts, targets: list[ast.expr], value: ast.expr) -> None:
    for target in targets:
        for name, made in _pairs(target, value):
            _assign(facts, name, made)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Names and what each is made of."""
    if isinstance(target, ast.Tuple | ast.List) and target.elts:
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            inner = list(zip(target.elts, value.elts, strict=True))
        else:
            inner = [(target.elts[0], value)]  # `app, route = fast_app()`: what is made comes first
        yield from ((name.id, made) for name, made in inner if isinstance(name, ast.Name))
    elif isinstance(target, ast.Name):
        yield target.id, value


def _assign(facts: ModuleFacts, name: str, value: ast.expr) -> None:
    if isinstance(value, ast.Name) and value.id in facts.offers and name in OBJECT_NAMES:
        facts.offers[name] = facts.offers[value.id]
    elif found := _application(facts, value):
        facts.wrapped.update((inner, name) for inner in _arguments(value) if inner in facts.offers)
        facts.offers[name] = Offer(found, value.lineno, f"{name} is a {found.framework} application")
    elif isinstance(value, ast.Call) and (link := _link(facts, value)):
        facts.links[name] = link
    if isinstance(value, ast.Call) and name in OBJECT_NAMES:
        facts.made[name] = value.lineno


def _arguments(value: ast.expr) -> list[str]:
    given = [*value.args, *(each.value for each in value.keywords)] if isinstance(value, ast.Call) else []
    return [each.id for each in given if isinstance(each, ast.Name)]


def _application(facts: ModuleFacts, value: ast.expr | None) -> Made | None:
    """What an expression makes, where that is an application."""
    if isinstance(value, ast.Call):
        return _made_by(facts, value.func)
    if isinstance(value, ast.Attribute) and value.attr == "server" and isinstance(value.value, ast.Name):
        return Made("Dash", WSGI) if facts.links.get(value.value.id, _NO_LINK).source.endswith("dash.Dash") else None
    return None


_NO_LINK = Link("", 0, called=False)


def _made_by(facts: ModuleFacts, function: ast.expr) -> Made | None:
    name = dotted_name(function)
    if local := facts.classes.get(name) or facts.factories.get(name):
        return local
    if isinstance(function, ast.Attribute) and not name:
        return framework_of(f"?.{function.attr}")
    return framework_of(_resolve(facts, name))


def _link(facts: ModuleFacts, call: ast.Call) -> Link | None:
    source = _resolve(facts, dotted_name(call.func))
    return Link(source, call.lineno, called=True) if "." in source else None


def _resolve(facts: ModuleFacts, name: str) -> str:
    first, dot, rest = name.partition(".")
    starred = next((star for star in facts.stars if framework_of(f"{star}.{first}")), "")
    return facts.imports.get(first, f"{starred}.{first}" if starred else first) + dot + rest
