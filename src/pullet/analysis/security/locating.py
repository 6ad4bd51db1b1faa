"""Where in the code a line is: the function around it and the statement, written the same however it was laid out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CODE_LIMIT = 400  # characters
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Located:
    function: str
    """Qualified name; empty at module level."""
    code: str
    """The statement, or the head of one that has a body."""
    end_line: int


def locate(text: str, lines: Sequence[int]) -> Sequence[Located]:
    """For each line. Text that does not parse gives the line itself."""
    try:
        tree: ast.Module | None = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    return [_locate(tree, text.splitlines(), line) for line in lines]


def _locate(tree: ast.Module | None, source: Sequence[str], line: int) -> Located:
    plain = " ".join(source[line - 1].split()) if 0 < line <= len(source) else ""
    if tree is None or line < 1:
        return Located("", plain[:_CODE_LIMIT], line)
    names: list[str] = []
    found: ast.stmt | None = None
    for statement in _around(tree, line):
        found = statement
        if isinstance(statement, _FUNCTIONS):
            names.append(statement.name)
    if found is None:
        return Located("", plain[:_CODE_LIMIT], line)
    function = ".".join(names[:-1] if isinstance(found, _FUNCTIONS) and found.lineno >= line else names)
    return Located(function, _written(found, plain)[:_CODE_LIMIT], _end(found))


def _around(tree: ast.Module, line: int) -> Iterator[ast.stmt]:
    """The statements that the line is in, from the outermost to the innermost."""
    bodies: Sequence[ast.stmt] = tree.body
    while bodies:
        inner = next((each for each in bodies if _first(each) <= line <= (each.end_lineno or each.lineno)), None)
        if inner is None:
            return
        yield inner
        bodies = [child for child in _children(inner) if isinstance(child, ast.stmt)]


def _first(statement: ast.stmt) -> int:
    decorators = statement.decorator_list if isinstance(statement, _FUNCTIONS) else []
    return min(statement.lineno, *(each.lineno for each in decorators), statement.lineno)


def _children(statement: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _written(statement: ast.stmt, plain: str) -> str:
    """Of a statement with a body only the line itself: what else is in it may change without touching it."""
    if any(isinstance(child, ast.stmt) for child in _children(statement)):
        return plain
    try:
        return " ".join(ast.unparse(statement).split())
    except (RecursionError, ValueError):
        return plain


def _end(statement: ast.stmt) -> int:
    if any(True for _ in _children(statement)):
        return statement.lineno
    return statement.end_lineno or statement.lineno
