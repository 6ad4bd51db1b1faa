"""Every place in a module that reads an environment variable, and how much the app depends on it there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pullet.analysis.detection.readers import Kind, Readers
from pullet.analysis.detection.repository import literal_text

_UNNAMED = {"db": "DATABASE_URL", "db_url": "DATABASE_URL", "cache": "CACHE_URL", "cache_url": "CACHE_URL"}
_NO_READS = frozenset(
    {"read_env", "read_envfile", "prefixed", "seal", "dump", "add_parser", "parser_for", "setdefault"}
)


@dataclass(frozen=True)
class Read:
    """One place that reads one variable."""

    name: str
    line: int
    default: str | None = None
    """What stands in for it, where that begins with a literal text."""
    has_default: bool = False
    optional: bool = True
    """False: where it is not set and the place is reached, the code fails."""
    inside: bool = False
    """In a function, so not reached by importing the module."""
    prefix: str = ""
    """What the code itself puts before its names: `SHOP_` of SHOP_DB_HOST."""
    path: str = ""

    @property
    def demanded(self) -> bool:
        """Without it the module cannot even be imported."""
        return not self.optional and not self.inside


@dataclass(frozen=True)
class _Around:
    """What stands around a node."""

    inside: bool = False
    guarded: bool = False
    """In a `try` that catches something."""
    prefix: str = ""
    fallback: ast.expr | None = None
    """What follows `or`."""


def reads(path: str, node: ast.AST, readers: Readers) -> Iterator[Read]:
    """Of a module, or a part of one, in the order of the text."""
    stack: list[tuple[ast.AST, _Around]] = [(node, _Around())]
    while stack:
        node, around = stack.pop()
        yield from (replace(read, name=read.prefix + read.name, path=path) for read in _at(node, around, readers))
        below = around if around.fallback is None else replace(around, fallback=None)
        stack.extend(reversed(list(_below(node, below))))


def _below(node: ast.AST, around: _Around) -> Iterator[tuple[ast.AST, _Around]]:
    special: dict[int, _Around] = {}
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            around = replace(around, inside=True)
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            around = replace(around, inside=True)
        case ast.Try(body=body, handlers=[_, *_]):
            special = {id(each): replace(around, guarded=True) for each in body}
        case ast.BoolOp(op=ast.Or(), values=[*values, last]):
            special = {id(each): replace(around, fallback=last) for each in values}
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr="prefixed"), args=[given]))]):
            around = replace(around, prefix=around.prefix + (literal_text(given) or ""))
    yield from ((each, special.get(id(each), around)) for each in ast.iter_child_nodes(node))


def _at(node: ast.AST, around: _Around, readers: Readers) -> Iterator[Read]:
    match node:
        case ast.Subscript(value=mapping, slice=key, ctx=ast.Load()) if kind := readers.kind(mapping):
            if name := _name(key, kind):
                yield _place(node, name, around, readers, None, raises=kind is Kind.MAPPING)
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[mapping]):
            tested = literal_text(key)
            if tested and readers.kind(mapping) is Kind.MAPPING:
                yield Read(tested, node.lineno, inside=around.inside)
        case ast.Call(func=ast.Attribute(attr="from_prefixed_env")):
            yield from _flask(node)
        case ast.Call():
            yield from _called(node, around, readers)


def _called(node: ast.Call, around: _Around, readers: Readers) -> Iterator[Read]:
    kind, method = readers.kind(node.func), ""
    if kind is None and isinstance(node.func, ast.Attribute):
        kind, method = readers.kind(node.func.value), node.func.attr
    if kind is None or method in _NO_READS or (kind is Kind.MAPPING and method not in ("get", "pop")):
        return
    name = _named(node, kind, method)
    if name:
        default = _default(node, kind, method)
        prefixed = replace(around, prefix=around.prefix if kind in (Kind.ENV, Kind.LOOSE) else "")
        yield _place(node, name, prefixed, readers, default, raises=kind.insists and method != "get")


def _named(node: ast.Call, kind: Kind, method: str) -> str:
    given = _keyword(node, "env", "var", "name", "key") or (node.args[0] if node.args else None)
    if given is not None:
        return _name(given, kind)
    if kind is Kind.DJ_DATABASE_URL:
        return "DATABASE_URL"
    return _UNNAMED.get(method, "") if kind in (Kind.ENV, Kind.LOOSE) else ""


def _default(node: ast.Call, kind: Kind, method: str) -> ast.expr | None:
    """`default=…`, or what follows the name; there it may be a cast in some libraries."""
    if found := _keyword(node, "default"):
        return found
    at = 2 if kind is Kind.STARLETTE or (kind is Kind.ENV and not method and len(node.args) > 2) else 1
    found = node.args[at] if len(node.args) > at else None
    may_cast = kind in (Kind.STARLETTE, Kind.ENV, Kind.LOOSE) and not method
    return None if may_cast and isinstance(found, ast.Name) and not found.id.isupper() else found


def _keyword(node: ast.Call, *names: str) -> ast.expr | None:
    return next((each.value for each in node.keywords if each.arg in names), None)


def _name(node: ast.expr, kind: Kind) -> str:
    """Where it is not sure that variables are read, only what is written like one counts."""
    text = literal_text(node) or ""
    return text if text.isupper() or kind in (Kind.MAPPING, Kind.GETENV) else ""


def _place(
    node: ast.expr, name: str, around: _Around, readers: Readers, default: ast.expr | None, *, raises: bool
) -> Read:
    default = default or around.fallback
    optional = not raises or around.guarded or default is not None
    return Read(
        name, node.lineno, readers.literal(default), default is not None, optional, around.inside, around.prefix
    )


def _flask(node: ast.Call) -> Iterator[Read]:
    """Every variable with the prefix becomes a setting; those that extensions read are known by their names."""
    given = _keyword(node, "prefix") or (node.args[0] if node.args else None)
    prefix = "FLASK" if given is None else literal_text(given)
    if prefix:
        for name in ("SECRET_KEY", "SQLALCHEMY_DATABASE_URI", "REDIS_URL"):
            yield Read(name, node.lineno, prefix=f"{prefix}_")
