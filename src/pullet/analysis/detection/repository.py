"""A repository as detection sees it: names and a few texts. Nothing is imported, nothing is run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_MOST_FILES = 400
_LARGEST_FILE = 200_000  # bytes
_MOST_BYTES = 4_000_000
_DEEPEST = 4  # folders; an entry point further down is not one that a convention can name
_FOREIGN = frozenset(
    [
        "node_modules",
        "vendor",
        "third_party",
        "site-packages",
        "dist",
        "build",
        "docs",
        "doc",
        "test",
        "tests",
        "testing",
        "migrations",
        "static",
        "templates",
        "venv",
        ".venv",
        "env",
        ".git",
        ".github",
        ".tox",
        "fixtures",
        "e2e",
        "benchmarks",
    ]
)
_READ_WHOLE = frozenset(
    [
        "Procfile",
        "app.json",
        "runtime.txt",
        ".python-version",
        "requirements.txt",
        "pyproject.toml",
        "Pipfile",
        "Pipfile.lock",
        "uv.lock",
        "poetry.lock",
        "setup.py",
        "setup.cfg",
    ]
)


def files_to_read(entries: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """Which of (path, size in bytes) detection wants to read: shallow ones first, bounded in number and bytes."""
    wanted = sorted((path for path, size in entries if _is_wanted(path) and size <= _LARGEST_FILE), key=_shallow_first)
    sizes, chosen, total = dict(entries), [], 0
    for path in wanted[:_MOST_FILES]:
        total += sizes[path]
        if total > _MOST_BYTES:
            break
        chosen.append(path)
    locks = [path for path, size in entries if path.rsplit("/", 1)[-1].endswith(".lock") and size <= _MOST_BYTES]
    return tuple(dict.fromkeys((*chosen, *sorted(locks, key=_shallow_first)[:2])))


def _is_wanted(path: str) -> bool:
    *folders, name = path.split("/")
    if len(folders) > _DEEPEST or any(folder in _FOREIGN for folder in folders):
        return False
    if name.endswith(".py"):
        return not name.startswith(("test_", "conftest"))
    return name in _READ_WHOLE or (name.endswith(".txt") and "requirements" in path)


def _shallow_first(path: str) -> tuple[int, str]:
    return (path.count("/"), path)


@dataclass(frozen=True)
class Repository:
    """The files below the app's root; paths are relative to it."""

    paths: frozenset[str]
    files: Mapping[str, bytes]
    unreadable: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Python files that were looked at and do not parse -> why: the likeliest reason for finding nothing."""
    _trees: dict[str, ast.Module | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def below(cls, root: str, paths: Collection[str], files: Mapping[str, bytes]) -> Repository:
        if root in (".", ""):
            return cls(frozenset(paths), files)
        prefix = root.strip("/") + "/"
        return cls(
            frozenset(path.removeprefix(prefix) for path in paths if path.startswith(prefix)),
            {path.removeprefix(prefix): text for path, text in files.items() if path.startswith(prefix)},
        )

    def text(self, path: str) -> str | None:
        """None where it is not there or was not read."""
        content = self.files.get(path)
        return None if content is None else content.decode("utf-8", "replace").lstrip("\ufeff")

    def lines(self, path: str) -> list[tuple[int, str]]:
        """(number from 1, text) of each line; none where the file is not there."""
        return list(enumerate((self.text(path) or "").splitlines(), 1))

    def python_files(self) -> list[str]:
        return sorted((path for path in self.files if path.endswith(".py")), key=_shallow_first)

    def tree(self, path: str) -> ast.Module | None:
        """The syntax tree; None for what does not parse: Python 2, a bomb, no Python at all."""
        if path not in self._trees:
            self._trees[path] = self._parse(path)
        return self._trees[path]

    def _parse(self, path: str) -> ast.Module | None:
        text = self.text(path)
        if text is None:
            return None
        try:
            with warnings.catch_warnings():  # what a repository's escapes deserve is not this program's to say
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except SyntaxError as err:
            self.unreadable[path] = f"{path}:{err.lineno or 0} does not parse: {err.msg}"
        except (ValueError, RecursionError, MemoryError):
            self.unreadable[path] = f"{path} does not parse"
        return None

    def top_folders(self) -> list[str]:
        folders = {path.split("/", 1)[0] for path in self.paths if "/" in path}
        return sorted(folder for folder in folders if folder not in _FOREIGN and not folder.startswith("."))


def module_name(path: str) -> str:
    """`src/shop/main.py` -> `shop.main`, as imported with the root and its `src` on the path."""
    parts = path.removeprefix("src/").removesuffix(".py").split("/")
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def is_importable(path: str) -> bool:
    return all(part.isidentifier() for part in module_name(path).split("."))


def assigned_names(node: ast.stmt) -> Iterator[str]:
    """The plain names that a statement assigns to."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id
