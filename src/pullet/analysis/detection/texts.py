"""The text that an expression comes to where Pullet serves the app, as far as that can be told without running it.

Code asks in variables which place it is in: of those that platforms set, Pullet sets the ones that are read; others are
not there, and what stands in for them counts.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from pullet.analysis.detection.repository import dotted_name, literal_text
from pullet.domain.personality import VARIABLES

_SET = frozenset(name for names in VARIABLES.values() for name in names)
_DEPTH = 8  # expressions in one another
_LENGTH = 200  # characters


def text_of(node: ast.expr | None, values: Mapping[str, ast.expr], depth: int = _DEPTH) -> str | None:
    """`values`: what names stand for. None where it depends on what is not known here."""
    found: str | None = None
    if node is None or depth == 0:
        return None
    match node:
        case ast.Constant():
            found = literal_text(node)
        case ast.Name(id=name) if name in values:
            found = text_of(values[name], values, depth - 1)
        case ast.IfExp(test=test, body=body, orelse=other):
            found = text_of(body if holds(test) else other, values, depth - 1)
        case ast.BoolOp(op=ast.Or(), values=[*_, last]):
            found = text_of(last, values, depth - 1)
        case ast.Call(func=function, args=[_, default]) if _reads(function):
            found = text_of(default, values, depth - 1)
        case ast.JoinedStr(values=parts):
            found = _joined(parts, values, depth - 1)
        case ast.FormattedValue(value=inner):
            found = text_of(inner, values, depth - 1)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = _joined([left, right], values, depth - 1)
    return found if found is None or len(found) <= _LENGTH else None


def holds(test: ast.expr) -> bool:
    """Whether a condition on a variable is met here: those of other platforms are set, DEBUG and all others are not."""
    met = False
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            met = not holds(operand)
        case ast.BoolOp(op=operator, values=values):
            met = (any if isinstance(operator, ast.Or) else all)(holds(value) for value in values)
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn() as operator]):
            met = (literal_text(key) in _SET) is isinstance(operator, ast.In)
        case ast.Call(func=function, args=[key, *_]) if _reads(function):
            met = literal_text(key) in _SET
        case ast.Subscript(slice=key):
            met = literal_text(key) in _SET
    return met


def _reads(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else dotted_name(function)
    return name in ("get", "getenv", "config", "env", "str")


def _joined(parts: list[ast.expr], values: Mapping[str, ast.expr], depth: int) -> str | None:
    texts = [text_of(part, values, depth) for part in parts[:_DEPTH]]
    known = [text for text in texts if text is not None]
    return "".join(known) if len(known) == len(parts) else None
