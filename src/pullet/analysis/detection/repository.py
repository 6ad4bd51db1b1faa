"""What detectors see of a repository: its paths, the texts that were read, and syntax trees, all of it hostile.

Nothing here imports, evaluates or runs anything. What does not parse counts as absent.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeVar, cast

from pullet.analysis.detection.selection import SIZE_LIMIT, is_of_interest
from pullet.domain.app import Place
from pullet.domain.text_files import decoded
from pullet.domain.toml import load_toml

T = TypeVar("T")
_PARSE_LIMIT = 400 * 1024  # characters of Python: about a second for the worst that can be written, and no thread helps


class Parsed:
    """The syntax trees of one repository, whichever of its folders are tried as the app's. Each file is parsed once,
    and no more than a limit in all."""

    def __init__(self) -> None:
        self._left = _PARSE_LIMIT
        self._trees: dict[str, ast.Module | None] = {}

    def tree(self, path: str, text: str) -> ast.Module | None:
        if path not in self._trees:
            self._left -= len(text)
            self._trees[path] = _parse(text) if text and self._left >= 0 else None
        return self._trees[path]


class Repository:
    """The part of a repository below `root`. Paths are relative to it, with `/`."""

    def __init__(
        self, paths: Collection[str], files: Mapping[str, bytes], root: str = ".", parsed: Parsed | None = None
    ) -> None:
        self._prefix = "" if root == "." else f"{root}/"
        self.root = root
        self._all_paths = paths
        self.paths = _below(paths, self._prefix)
        self._files = files
        self._texts: dict[str, str] = {}
        self._tomls: dict[str, dict[str, Any]] = {}
        self._parsed = parsed or Parsed()
        self._made: dict[Callable[[Repository], Any], object] = {}

    @cached_property
    def top(self) -> Repository:
        """The whole repository, whatever folder the app is in."""
        return self if self.root == "." else self.below(".")

    def below(self, root: str) -> Repository:
        """The part below another root, given from the top."""
        return Repository(self._all_paths, self._files, root, self._parsed)

    def place(self, path: str, line: int = 0) -> Place:
        """For people: the path from the repository's top."""
        return Place(self._prefix + path, line)

    def text(self, path: str) -> str:
        """The file's text; empty where it is absent, too large or was not read."""
        if path not in self._texts:
            data = self._files.get(self._prefix + path, b"")
            self._texts[path] = "" if len(data) > SIZE_LIMIT else _as_read(path, data)
        return self._texts[path]

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        """Modules that were read, nearest to the root first."""
        inside = (path[len(self._prefix) :] for path in self._files if path.startswith(self._prefix))
        found = (path for path in inside if path.endswith(".py") and is_of_interest(path))
        return tuple(sorted(found, key=lambda path: (path.count("/"), path)))

    @cached_property
    def packages(self) -> frozenset[str]:
        """Folders that hold modules, and those above them: each can be imported."""
        holding = (PurePosixPath(path).parents for path in self.paths if path.endswith(".py"))
        return frozenset(str(folder) for folders in holding for folder in folders)

    def once(self, make: Callable[[Repository], T]) -> T:
        """What `make` finds here, found once."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])

    @cached_property
    def folders(self) -> frozenset[str]:
        """Folders directly below the root."""
        return frozenset(path.split("/", 1)[0] for path in self.paths if "/" in path)

    def module(self, path: str) -> ast.Module | None:
        """The syntax tree of a Python file; None where there is none to be had."""
        return self._parsed.tree(self._prefix + path, self.text(path))

    def toml(self, path: str) -> dict[str, Any]:
        """The values of a TOML file; empty where it does not parse."""
        if path not in self._tomls:
            try:
                self._tomls[path] = load_toml(self.text(path))
            except ValueError:
                self._tomls[path] = {}
        return self._tomls[path]

    def line_of(self, path: str, needle: str) -> int:
        """The first line that has `needle`; 0 where none has."""
        before, found, _ = self.text(path).partition(needle)
        return before.count("\n") + 1 if found else 0


def _parse(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their invalid escapes are not our warnings
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # Python 2, NUL bytes, nesting made to hurt
        return None


def _as_read(path: str, data: bytes) -> str:
    """Python itself takes no module in UTF-16."""
    return data.decode("utf-8-sig", "replace") if path.endswith(".py") else decoded(data, "replace")


def _below(paths: Collection[str], prefix: str) -> frozenset[str]:
    return frozenset(path[len(prefix) :] for path in paths if path.startswith(prefix)) if prefix else frozenset(paths)


def folder_of(path: str) -> str:
    """`.` for a file at the top."""
    return str(PurePosixPath(path).parent)


def dotted_name(node: ast.expr) -> str:
    """`flask.Flask` for that expression; empty for anything but names and attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def literal_text(node: ast.expr | None) -> str | None:
    """The text of a string literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
