"""Top-level assignments of a module, with those that it imports by a star."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pullet.analysis.security.settings.values import NOTHING, Scope, Value, value_of

_FILES = 50
Read = Callable[[str], str | None]
"""Path -> text of a file of the repository; None where there is none, or it cannot be read."""


@dataclass(frozen=True)
class Setting:
    """What a name was last set to."""

    value: Value
    path: str
    line: int
    end_line: int
    certain: bool = True
    """False: below a condition that cannot be told."""


@dataclass
class Settings:
    """Of one module and all that it imports by a star."""

    found: dict[str, Setting] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Path -> why."""
    read: list[str] = field(default_factory=list)

    def get(self, name: str) -> Setting | None:
        return self.found.get(name)

    def data(self, name: str, default: object = None) -> object:
        """UNKNOWN where it is set to what nobody can tell."""
        setting = self.found.get(name)
        return default if setting is None else setting.value.data


def read_settings(path: str, root: str, variables: Mapping[str, str], read: Read) -> Settings:
    """`path` of the module's file, `root` of the folder that imports begin at, both relative to the repository."""
    settings = Settings()
    _Reader(root, variables, read, settings).module(path)
    return settings


def module_path(module: str, root: str, read: Read) -> str | None:
    """Where a module's file is."""
    base = str(PurePosixPath(root, *module.split(".")))
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if read(path) is not None), None)


class _Reader:
    def __init__(self, root: str, variables: Mapping[str, str], read: Read, settings: Settings) -> None:
        self._root = root
        self._variables = variables
        self._read = read
        self._settings = settings

    def module(self, path: str) -> None:
        if path in self._settings.read or len(self._settings.read) >= _FILES:
            return
        self._settings.read.append(path)
        text = self._read(path)
        if text is None:
            self._settings.unread[path] = "it is not there, or cannot be read"
            return
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
            self._settings.unread[path] = f"{type(err).__name__}: {err}"[:200]
            return
        self._body(tree.body, path, True)

    def _body(self, body: Sequence[ast.stmt], path: str, certain: bool) -> None:
        for statement in body:
            match statement:
                case ast.ImportFrom(names=[ast.alias(name="*")]):
                    self._star(statement, path)
                case ast.Assign(targets=targets, value=value):
                    self._assign(targets, value, statement, path, certain)
                case ast.AnnAssign(target=target, value=value) if value is not None:
                    self._assign([target], value, statement, path, certain)
                case ast.AugAssign(target=ast.Name(id=name), value=value, op=ast.Add()):
                    before = self._settings.found.get(name)
                    both = ast.BinOp(ast.Name(name), ast.Add(), value)
                    self._set(name, value_of(both, self._scope()) if before else NOTHING, statement, path, certain)
                case ast.If(test=test, body=inner, orelse=otherwise):
                    self._condition(test, inner, otherwise, path, certain)
                case ast.Try(body=inner, handlers=handlers, orelse=otherwise, finalbody=final):
                    self._body([*inner, *otherwise, *final], path, certain)
                    for handler in handlers:
                        self._only_new(handler.body, path)
                case ast.With(body=inner):
                    self._body(inner, path, certain)

    def _condition(
        self, test: ast.expr, body: Sequence[ast.stmt], otherwise: Sequence[ast.stmt], path: str, certain: bool
    ) -> None:
        decided = value_of(test, self._scope())
        if decided.known:
            self._body(body if decided.data else otherwise, path, certain)
            return
        self._body(body, path, False)
        self._body(otherwise, path, False)

    def _only_new(self, body: Sequence[ast.stmt], path: str) -> None:
        """What is done where an import fails, counts where nothing else set it."""
        before = dict(self._settings.found)
        self._body(body, path, False)
        self._settings.found.update(before)

    def _assign(
        self, targets: Sequence[ast.expr], value: ast.expr, statement: ast.stmt, path: str, certain: bool
    ) -> None:
        for target in targets:
            if isinstance(target, ast.Name):
                self._set(target.id, value_of(value, self._scope()), statement, path, certain)

    def _set(self, name: str, value: Value, statement: ast.stmt, path: str, certain: bool) -> None:
        end = statement.end_lineno or statement.lineno
        self._settings.found[name] = Setting(value, path, statement.lineno, end, certain)

    def _star(self, statement: ast.ImportFrom, path: str) -> None:
        for candidate in self._candidates(statement, path):
            if self._read(candidate) is not None:
                self.module(candidate)
                return

    def _candidates(self, statement: ast.ImportFrom, path: str) -> Iterator[str]:
        parts = (statement.module or "").split(".") if statement.module else []
        if statement.level:
            base = PurePosixPath(path).parents[min(statement.level - 1, len(PurePosixPath(path).parents) - 1)]
        else:
            base = PurePosixPath(self._root)
        inside = str(base.joinpath(*parts))
        yield f"{inside}.py"
        yield f"{inside}/__init__.py"

    def _scope(self) -> Scope:
        return Scope(self._variables, {name: each.value for name, each in self._settings.found.items()})
