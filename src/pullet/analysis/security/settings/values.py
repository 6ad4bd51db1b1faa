"""What an expression of a settings file gives, where that can be known without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_DEPTH = 40
_KINDS: Mapping[str, Callable[[Any], Any]] = {"bool": bool, "int": int, "str": str}
_METHODS = frozenset({"lower", "upper", "strip", "split", "casefold"})
_TRUE = frozenset({"true", "1", "yes", "on", "y", "t"})


class _Unknown:
    """Nobody can tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Value:
    """What an expression gives. `data` may be UNKNOWN."""

    data: Any
    variables: frozenset[str] = frozenset()
    """Environment variables that it was read from."""

    @property
    def known(self) -> bool:
        return self.data is not UNKNOWN


NOTHING = Value(UNKNOWN)


@dataclass(frozen=True)
class Scope:
    """What names stand for where an expression is read."""

    variables: Mapping[str, str]
    """Of the environment that the app is served in."""
    names: Mapping[str, Value] = field(default_factory=dict)


def value_of(node: ast.expr | None, scope: Scope) -> Value:
    """UNKNOWN where it depends on what only a run would show."""
    return _Evaluator(scope).of(node)


class _Evaluator:
    """One method for each kind of expression that is understood."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._depth = 0

    def of(self, node: ast.expr | None) -> Value:
        read = getattr(self, f"_{type(node).__name__.lower()}", None)
        if read is None or self._depth > _DEPTH:
            return NOTHING
        self._depth += 1
        try:
            value: Value = read(node)
            return value
        finally:
            self._depth -= 1

    def _constant(self, node: ast.Constant) -> Value:
        return Value(node.value)

    def _name(self, node: ast.Name) -> Value:
        return self._scope.names.get(node.id, NOTHING)

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        """A list in which something is not known is a list all the same."""
        values = [self.of(each) for each in node.elts]
        return Value([value.data for value in values], _read_by(*values))

    _tuple = _set = _list

    def _dict(self, node: ast.Dict) -> Value:
        found = {}
        for key, item in zip(node.keys, node.values, strict=True):
            name = self.of(key)
            if isinstance(name.data, (str, int)):
                found[name.data] = self.of(item).data
        return Value(found)

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        return _applied(lambda data: not data, self.of(node.operand)) if isinstance(node.op, ast.Not) else NOTHING

    def _binop(self, node: ast.BinOp) -> Value:
        return _applied(_added, self.of(node.left), self.of(node.right)) if isinstance(node.op, ast.Add) else NOTHING

    def _compare(self, node: ast.Compare) -> Value:
        if len(node.ops) != 1:
            return NOTHING
        return _applied(_comparison(node.ops[0]), self.of(node.left), self.of(node.comparators[0]))

    def _boolop(self, node: ast.BoolOp) -> Value:
        wanted = isinstance(node.op, ast.Or)
        values = [self.of(each) for each in node.values]
        for value in values:
            if not value.known or bool(value.data) is wanted:
                return Value(value.data, _read_by(*values))
        return Value(values[-1].data, _read_by(*values))

    def _ifexp(self, node: ast.IfExp) -> Value:
        chosen = self.of(node.test)
        return self.of(node.body if chosen.data else node.orelse) if chosen.known else NOTHING

    def _subscript(self, node: ast.Subscript) -> Value:
        if dotted(node.value).rpartition(".")[2] != "environ":
            return NOTHING
        return self._variable(self.of(node.slice), NOTHING)

    def _call(self, node: ast.Call) -> Value:
        name = dotted(node.func)
        if name.endswith(("environ.get", "getenv")):
            default = argument(node, "default", 1)
            return self._variable(
                self.of(argument(node, "key", 0)), Value(None) if default is None else self.of(default)
            )
        if name in ("config", "decouple.config") or name.split(".")[0] == "env":
            return self._typed(node, name)
        if name in _KINDS and len(node.args) == 1:
            return _applied(_KINDS[name], self.of(node.args[0]))
        if isinstance(node.func, ast.Attribute) and (method := node.func.attr) in _METHODS:
            text, arguments = self.of(node.func.value), [self.of(each) for each in node.args]
            return _applied(lambda data, *more: getattr(data, method)(*more), text, *arguments)
        return NOTHING

    def _typed(self, node: ast.Call, name: str) -> Value:
        """python-decouple's `config("X", default=…, cast=bool)`, environs' and django-environ's `env.bool("X", …)`."""
        default = argument(node, "default", 1)
        found = self._variable(self.of(argument(node, "", 0)), NOTHING if default is None else self.of(default))
        cast = argument(node, "cast")
        if name.endswith(".bool") or (cast is not None and dotted(cast) == "bool"):
            return _applied(_boolean, found)
        if name.endswith(".list") or (cast is not None and dotted(getattr(cast, "func", cast)) == "Csv"):
            return _applied(lambda data: data.split(",") if isinstance(data, str) else data, found)
        return found

    def _variable(self, name: Value, default: Value) -> Value:
        if not isinstance(name.data, str):
            return NOTHING
        data = self._scope.variables.get(name.data, default.data)
        return Value(data, default.variables | {name.data})


def _read_by(*values: Value) -> frozenset[str]:
    return frozenset().union(*(value.variables for value in values))


def dotted(node: ast.expr) -> str:
    """`os.environ.get`; empty for what is no chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """By name, else by position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def _boolean(data: Any) -> bool:
    return data.strip().lower() in _TRUE if isinstance(data, str) else bool(data)


def _applied(function: Callable[..., Any], *values: Value) -> Value:
    read = _read_by(*values)
    if not all(value.known for value in values):
        return Value(UNKNOWN, read)
    try:
        return Value(function(*(value.data for value in values)), read)
    except Exception:
        return Value(UNKNOWN, read)


def _added(left: Any, right: Any) -> Any:
    if not isinstance(left, (str, list, int)) or len(str(left)) + len(str(right)) > 100_000:
        raise TypeError
    return left + right


def _comparison(operator: ast.cmpop) -> Callable[[Any, Any], bool]:
    table: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
        ast.Eq: lambda a, b: bool(a == b),
        ast.NotEq: lambda a, b: bool(a != b),
        ast.In: lambda a, b: a in b,
        ast.NotIn: lambda a, b: a not in b,
        ast.Is: lambda a, b: a is b,
        ast.IsNot: lambda a, b: a is not b,
    }
    return table.get(type(operator), _unknown)


def _unknown(*_: Any) -> bool:
    raise TypeError
