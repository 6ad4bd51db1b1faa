"""Where in the code a line is: the function around it and the statement, written the same however it was laid out."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CODE_LIMIT = 400  # characters
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Located:
    function: str
    """Qualified name; empty at module level."""
    code: str
    """The statement, or the line of one that has a body."""
    end_line: int


def locate(data: bytes, lines: Sequence[int]) -> Sequence[Located]:
    """For each line, from 1. What does not parse as Python gives the line itself, with single spaces."""
    text = _decoded(data)
    try:
        tree: ast.Module | None = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    source = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [_locate(tree, source, line) for line in lines]


def _decoded(data: bytes) -> str:
    """As Python would, which heeds a declared encoding; else with replacement characters."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, LookupError, ValueError):
        return data.decode("utf-8-sig", "replace")


def _locate(tree: ast.Module | None, source: Sequence[str], line: int) -> Located:
    plain = " ".join(source[line - 1].split()) if 0 < line <= len(source) else ""
    around = list(_around(tree, line)) if tree is not None and line > 0 else []
    if not around:
        return Located("", plain[:_CODE_LIMIT], line)
    innermost = around[-1]
    names = [each.name for each in around if isinstance(each, _NAMED)]
    if isinstance(innermost, _NAMED) and line <= innermost.lineno:
        names.pop()  # its decorators and its own head are outside of it
    return Located(".".join(names), _written(innermost, plain)[:_CODE_LIMIT], max(_end(innermost), line))


def _around(tree: ast.Module, line: int) -> Iterator[ast.stmt]:
    """The statements that the line is in, from the outermost to the innermost."""
    body: Sequence[ast.stmt] = tree.body
    while body:
        inner = next((each for each in body if _first(each) <= line <= (each.end_lineno or each.lineno)), None)
        if inner is None:
            return
        yield inner
        body = list(_inside(inner))


def _first(statement: ast.stmt) -> int:
    decorators = statement.decorator_list if isinstance(statement, _NAMED) else []
    return min([statement.lineno, *(each.lineno for each in decorators)])


def _inside(statement: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _written(statement: ast.stmt, plain: str) -> str:
    """Of a statement with a body only the line itself: what else is in it may change without touching it."""
    if any(True for _ in _inside(statement)):
        return plain
    try:
        return " ".join(ast.unparse(statement).split())
    except (RecursionError, ValueError):
        return plain


def _end(statement: ast.stmt) -> int:
    return statement.lineno if any(True for _ in _inside(statement)) else statement.end_lineno or statement.lineno
