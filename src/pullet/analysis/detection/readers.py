"""What in a module reads environment variables: `os.environ`, `os.getenv`, django-environ, environs, decouple,
Starlette's Config, dj-database-url, a dict made of `os.environ`, and functions of the app's own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum, auto

from pullet.analysis.detection.repository import dotted_name, literal_text

_NAMES = 3  # that stand for one another


class Kind(Enum):
    MAPPING = auto()  # x["NAME"], x.get("NAME", default)
    GETENV = auto()  # x("NAME", default)
    ENV = auto()  # django-environ's and environs': x("NAME"), x.db("NAME")
    DECOUPLE = auto()  # x("NAME", default)
    STARLETTE = auto()  # x("NAME", cast, default)
    DJ_DATABASE_URL = auto()  # x("NAME", default), x()
    LOOSE = auto()  # by its name alone: it comes from another module of the app
    HELPER = auto()  # a function of the app that hands its first argument to one of the others

    @property
    def insists(self) -> bool:
        """A call raises where the variable is not set and no default is given."""
        return self in (Kind.ENV, Kind.DECOUPLE, Kind.STARLETTE, Kind.LOOSE)


_KNOWN = {
    "os.environ": Kind.MAPPING,
    "os.getenv": Kind.GETENV,
    "decouple.config": Kind.DECOUPLE,
    "dj_database_url.config": Kind.DJ_DATABASE_URL,
}
_MAKERS = {
    "environ.Env": Kind.ENV,
    "environ.FileAwareEnv": Kind.ENV,
    "environs.Env": Kind.ENV,
    "environs.FileAwareEnv": Kind.ENV,
    "starlette.config.Config": Kind.STARLETTE,
    "decouple.Config": Kind.DECOUPLE,
    "decouple.AutoConfig": Kind.DECOUPLE,
    "dotenv.dotenv_values": Kind.MAPPING,
    "os.environ.copy": Kind.MAPPING,
}
_LOOSELY = frozenset({"env", "config", "environ"})


class Readers:
    """What the names of one module stand for."""

    def __init__(self, tree: ast.Module, helpers: frozenset[str] = frozenset()) -> None:
        self._helpers = helpers
        self._imports = dict(_imported(tree))
        self._made: dict[str, Kind] = {}
        self._values: dict[str, ast.expr] = {}
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._values[name] = value
                    if kind := self._made_by(value):
                        self._made[name] = kind

    def kind(self, node: ast.expr) -> Kind | None:
        """How an expression reads variables; None where it does not."""
        name = dotted_name(node)
        found = self._made.get(name) or _KNOWN.get(self._resolved(name))
        if found or not name:
            return found
        if name.rpartition(".")[2] in self._helpers and name.count(".") < 2:
            return Kind.HELPER
        return Kind.LOOSE if name in _LOOSELY and name not in self._values else None

    def literal(self, node: ast.expr | None) -> str | None:
        """The literal text that an expression is or begins with; a name of the module stands for its value."""
        for _ in range(_NAMES):
            match node:
                case ast.Name(id=name) if name in self._values:
                    node = self._values[name]
                case ast.JoinedStr(values=[first, *_]) | ast.BinOp(left=first, op=ast.Add()):
                    node = first
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return str(node.value)
        return literal_text(node)

    def _resolved(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return self._imports.get(first, first) + dot + rest

    def _made_by(self, value: ast.expr) -> Kind | None:
        match value:
            case ast.Call(func=ast.Name(id="dict"), args=[inner, *_]):
                return self.kind(inner)
            case ast.Call(func=function):
                return _MAKERS.get(self._resolved(dotted_name(function)))
            case ast.Dict(keys=keys, values=values):
                spread = [each for key, each in zip(keys, values, strict=True) if key is None]
                return next((kind for each in spread if (kind := self.kind(each) or self._made_by(each))), None)
            case ast.Name() | ast.Attribute():
                return _KNOWN.get(self._resolved(dotted_name(value)))
        return None


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in _statements(tree):
        match node:
            case ast.Import(names=names):
                yield from ((each.asname, each.name) for each in names if each.asname)
            case ast.ImportFrom(names=names, module=module, level=0):
                yield from ((each.asname or each.name, f"{module}.{each.name}") for each in names)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Wherever they stand, the outer ones first; expressions hold none, and are most of a tree."""
    found: list[ast.AST] = [tree]
    for node in found:
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            if isinstance(inner := getattr(node, name, None), list):
                found += inner
    return iter(found)


def helpers_in(tree: ast.Module) -> Iterator[str]:
    """Functions that read the variable that their first argument names."""
    readers = Readers(tree)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.args.args:
            first = function.args.args[0].arg
            if any(_takes(readers, node, first) for node in ast.walk(function)):
                yield function.name


def _takes(readers: Readers, node: ast.AST, name: str) -> bool:
    match node:
        case ast.Subscript(value=mapping, slice=ast.Name(id=key)):
            return key == name and readers.kind(mapping) is Kind.MAPPING
        case ast.Call(func=function, args=[ast.Name(id=key), *_]) if key == name:
            inner = function.value if isinstance(function, ast.Attribute) else function
            return readers.kind(function) is Kind.GETENV or readers.kind(inner) is Kind.MAPPING
    return False
