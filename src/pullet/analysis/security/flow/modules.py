"""A module as the following needs it: what names stand for, its functions, and which of them a visitor calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pullet.analysis.security.flow.tables import FASTAPI_ARGUMENT, FLASK_ARGUMENT, IN_A_SEGMENT, ROUTES
from pullet.analysis.security.flow.values import NOTHING, Flow, Value

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FRAMEWORKS = {
    "flask": "flask",
    "quart": "flask",
    "django": "django",
    "rest_framework": "django",
    "fastapi": "starlette",
    "starlette": "starlette",
}
_TEXT_TYPES = frozenset({"str", "bytes", "EmailStr", "SecretStr"})
_PARAMETERS = frozenset({"Query", "Path", "Form", "Body", "Header", "Cookie", "File"})
_CHECKING = frozenset({"pattern", "regex"})


@dataclass(frozen=True)
class Scope:
    """A function and where it stands."""

    function: Function
    name: str
    """Qualified."""
    owner: str
    """Name of the class that it is a method of; empty: none."""


@dataclass
class Module:
    names: dict[str, str] = field(default_factory=dict)
    """Name -> what is imported by it, `flask.request`."""
    framework: str = ""
    """Whose request object a parameter of that name is."""
    scopes: list[Scope] = field(default_factory=list)
    by_name: dict[str, Scope] = field(default_factory=dict)
    """`function`, or `Class.method`; those that are defined once."""
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    constants: dict[str, Value] = field(default_factory=dict)

    def dotted(self, node: ast.expr) -> str:
        """`subprocess.run` of `sp.run`; empty for what is no name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])


def read(tree: ast.Module) -> Module:
    module = Module()
    for node in ast.walk(tree):
        _imported(node, module.names)
    heads = [name.split(".")[0] for name in module.names.values()]
    module.framework = next((_FRAMEWORKS[head] for head in heads if head in _FRAMEWORKS), "")
    _scopes(tree, "", "", module)
    seen: dict[str, int] = {}
    for scope in module.scopes:
        key = f"{scope.owner}.{scope.function.name}" if scope.owner else scope.function.name
        seen[key] = seen.get(key, 0) + 1
        module.by_name[key] = scope
    for key in [key for key, count in seen.items() if count > 1]:
        del module.by_name[key]
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                module.constants[name] = Value(said=text)
    return module


def _imported(node: ast.AST, names: dict[str, str]) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            names[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            names[alias.asname or alias.name] = f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _scopes(node: ast.AST, prefix: str, owner: str, module: Module) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            module.scopes.append(Scope(child, f"{prefix}{child.name}", owner))
            _scopes(child, f"{prefix}{child.name}.", "", module)
        elif isinstance(child, ast.ClassDef):
            module.classes[child.name] = child
            _scopes(child, f"{prefix}{child.name}.", child.name, module)
        elif not isinstance(child, ast.expr):
            _scopes(child, prefix, owner, module)


@dataclass(frozen=True)
class Route:
    """What a decorator says of the view below it."""

    framework: str
    arguments: Mapping[str, str]
    """Name in the path -> its converter; empty: text without a slash."""
    html: bool
    """Whether a text that the view returns is sent as HTML."""


def route_of(scope: Scope, module: Module) -> Route | None:
    for decorator in scope.function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr=verb), args=[ast.Constant(value=str(path)), *_]) if verb in ROUTES:
                return _route(path, decorator, scope, module)
    return None


def _route(path: str, decorator: ast.Call, scope: Scope, module: Module) -> Route | None:
    if module.framework == "flask":
        found = {each["name"]: each["kind"] or "" for each in FLASK_ARGUMENT.finditer(path)}
        return Route("flask", found, all(map(_changes_nothing, scope.function.decorator_list)))
    if module.framework == "starlette":
        found = {each["name"]: each["kind"] or "" for each in FASTAPI_ARGUMENT.finditer(path)}
        classes = (each.value for each in decorator.keywords if each.arg == "response_class")
        html = any(module.dotted(each).endswith(".HTMLResponse") for each in classes)
        return Route("starlette", found, html)
    return None


def _changes_nothing(decorator: ast.expr) -> bool:
    """Whether what the view returns is sent as it is: any other decorator may make JSON or plain text of it."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else ""
    return name in ROUTES or name in ("login_required", "cross_origin")


def parameters(scope: Scope, module: Module) -> Iterator[tuple[str, Value]]:
    """What the parameters of a function hold when a visitor calls it."""
    route = route_of(scope, module)
    for argument, default in _arguments(scope.function):
        name = argument.arg
        if name == "request" and module.framework in ("django", "starlette"):
            yield name, Value(kind=f"request:{module.framework}")
        elif _is(argument.annotation, "Request", module):
            yield name, Value(kind="request:starlette")
        elif route is None:
            yield name, NOTHING
        elif route.framework == "flask":
            yield name, _segment(name, argument, route)
        else:
            yield name, _declared(name, argument, default, route, module)


def _arguments(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    yield from zip(plain, [*missing, *given.defaults], strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)


def _segment(name: str, argument: ast.arg, route: Route) -> Value:
    kind = route.arguments.get(name)
    if kind not in ("", "default", "string", "path"):
        return NOTHING
    return _text(name, argument, frozenset() if kind == "path" else IN_A_SEGMENT)


def _declared(name: str, argument: ast.arg, default: ast.expr | None, route: Route, module: Module) -> Value:
    annotation, extras = _plain(argument.annotation)
    if any(_checks(each) for each in (default, *extras)):
        return NOTHING
    if annotation is None or not isinstance(annotation, ast.Name):
        return NOTHING
    if annotation.id in module.classes and name not in route.arguments:
        return Value(kind=f"body:{annotation.id}")
    if module.names.get(annotation.id, "").endswith(".UploadFile"):
        return Value(kind="upload")
    if annotation.id not in _TEXT_TYPES:
        return NOTHING
    return _text(name, argument, IN_A_SEGMENT if route.arguments.get(name) == "" else frozenset())


def _text(name: str, argument: ast.arg, clean: frozenset[str]) -> Value:
    return Value((Flow(f"parameter {name}", (argument.lineno,), clean, text=True),))


def _plain(annotation: ast.expr | None) -> tuple[ast.expr | None, list[ast.expr]]:
    """The type without `| None`, Optional and Annotated; and what Annotated adds."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _plain(left)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _plain(inner)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *extras])):
            return _plain(inner)[0], extras
    return annotation, []


def _checks(node: ast.expr | None) -> bool:
    """Whether the value comes from elsewhere (Depends), or only what fits a pattern gets through."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name not in _PARAMETERS or any(keyword.arg in _CHECKING for keyword in node.keywords)


def _is(annotation: ast.expr | None, name: str, module: Module) -> bool:
    return (
        annotation is not None and module.dotted(annotation).split(".")[-1] == name and module.framework == "starlette"
    )


def field_is_text(name: str, attribute: str, module: Module) -> bool:
    """Whether a model of this module declares the attribute as text, with no validator in sight."""
    declared = module.classes.get(name)
    if declared is None or any(isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) for each in declared.body):
        return False
    for statement in declared.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=found), annotation=annotation, value=value) if found == attribute:
                plain, extras = _plain(annotation)
                return (
                    isinstance(plain, ast.Name)
                    and plain.id in _TEXT_TYPES
                    and not extras
                    and not isinstance(value, ast.Call)
                )
    return False
