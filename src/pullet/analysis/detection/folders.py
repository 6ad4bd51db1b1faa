"""Folders that a settings module computes: `BASE_DIR / "static"`, `os.path.join(BASE_DIR, "static")`.

Expressions are walked, never evaluated. The one known value is where the files themselves lie in the repository.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pullet.analysis.detection.repository import dotted_name, literal_text

NOT_KEPT = ", which is outside of the app's folder, among its code, or known only when it runs: so it is not kept"
_REPOSITORY = PurePosixPath("/repository")  # any absolute path: what is below it is inside
_LENGTH = 300  # characters of a path
_STEPS = 300  # expressions looked at: names that refer to names can multiply
_SAME = frozenset({"abspath", "realpath", "normpath", "str", "fspath", "Path", "PurePath", "resolve", "absolute"})


def folder_in_repository(
    node: ast.expr, values: Mapping[str, ast.expr], files: Mapping[str, str], file: str
) -> str | None:
    """The folder, relative to the repository's root, that an expression in `file` means; None for any other place.

    `values` and `files`: what names stand for, and the file of each. A relative path is relative to the root, where
    processes start.
    """
    found = _Walk(values, files).path(node, file)
    if found is None or ".." in found.parts:
        return None
    whole = _REPOSITORY / found
    return str(whole.relative_to(_REPOSITORY)) if _REPOSITORY in whole.parents else None


def kept(
    node: ast.expr, values: Mapping[str, ast.expr], files: Mapping[str, str], file: str, code: Iterable[str]
) -> str:
    """The file or folder that an expression means, where it can outlive releases; else an empty text.

    `code`: the app's Python files. What holds some of them comes with every release and cannot be kept.
    """
    found = folder_in_repository(node, values, files, file) or ""
    hides = any(path == found or path.startswith(f"{found}/") for path in code)
    unsafe = len(found) > _LENGTH or not found.isprintable() or found.split("/")[0] == ".git"
    return "" if hides or unsafe else found


@dataclass
class _Walk:
    values: Mapping[str, ast.expr]
    files: Mapping[str, str]
    left: int = _STEPS

    def path(self, node: ast.expr, file: str) -> PurePosixPath | None:
        self.left -= 1
        if self.left < 0:
            return None
        found: PurePosixPath | None = None
        match node:
            case ast.Constant(value=str() as text):
                found = PurePosixPath(text)
            case ast.Name(id="__file__"):
                found = _REPOSITORY / file
            case ast.Name(id=name) if name in self.values:
                found = self.path(self.values[name], self.files[name])
            case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
                found = self.joined([left, right], file)
            case ast.Attribute(value=value, attr="parent"):
                found = self.above(value, 1, file)
            case ast.Subscript(value=ast.Attribute(value=value, attr="parents"), slice=ast.Constant(value=int() as up)):
                found = self.above(value, up + 1, file)
            case ast.Call(func=function, args=arguments):
                found = self.call(function, arguments, file)
        return found

    def call(self, function: ast.expr, arguments: Sequence[ast.expr], file: str) -> PurePosixPath | None:
        name = function.attr if isinstance(function, ast.Attribute) else dotted_name(function)
        if isinstance(function, ast.Attribute) and not dotted_name(function.value).startswith(("os", "pathlib")):
            arguments = [function.value, *arguments]  # a method of a path: BASE_DIR.joinpath("static")
        if not arguments:
            return None
        if name in ("join", "joinpath"):
            return self.joined(arguments, file)
        if name == "dirname":
            return self.above(arguments[0], 1, file)
        return self.path(arguments[0], file) if name in _SAME else None

    def above(self, node: ast.expr, levels: int, file: str) -> PurePosixPath | None:
        found = self.path(node, file)
        return found.parents[levels - 1] if found is not None and 0 < levels <= len(found.parents) else None

    def joined(self, nodes: Sequence[ast.expr], file: str) -> PurePosixPath | None:
        joined = PurePosixPath()
        for node in nodes:
            text = literal_text(node)
            part = PurePosixPath(text.lstrip("/")) if text is not None and joined.parts else self.path(node, file)
            if part is None:
                return None
            joined /= part
        return joined
