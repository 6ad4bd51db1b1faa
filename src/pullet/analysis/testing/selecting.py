"""Which files of tests a change can make a difference to: those that import what has changed, however far."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

_FOR_ALL = frozenset({"conftest.py", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "pullet.toml"})


def affected(texts: Mapping[str, str], changed: Collection[str]) -> tuple[str, ...]:
    """Paths of files of tests, sorted. `texts`: all Python files; `changed`: paths that differ, gone ones too.

    A file that nobody can parse counts as one that imports everything. What is no Python, or says how tests are run,
    may make a difference to all of them.
    """
    tests = sorted(path for path in texts if _is_test(path))
    if any(_for_all(path) for path in changed):
        return tuple(tests)
    importers = _importers(texts)
    reached, queue = set(changed), list(changed)
    for path in queue:
        for other in importers.get(path, ()):
            if other not in reached:
                reached.add(other)
                queue.append(other)
    return tuple(path for path in tests if path in reached)


def _is_test(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py") or name == "tests.py")


def _for_all(path: str) -> bool:
    name = PurePosixPath(path).name
    return not name.endswith(".py") or name in _FOR_ALL


def _importers(texts: Mapping[str, str]) -> Mapping[str, Collection[str]]:
    """Path -> files that import it."""
    by_module: dict[str, list[str]] = {}
    for path in texts:
        for name in _names_of(path):
            by_module.setdefault(name, []).append(path)
    found: dict[str, set[str]] = {}
    for path, text in texts.items():
        imported = _imported(path, text)
        paths = texts if imported is None else [each for name in imported for each in by_module.get(name, ())]
        for each in paths:
            found.setdefault(each, set()).add(path)
    return found


def _names_of(path: str) -> Iterator[str]:
    """Under which it may be imported, from whatever folder imports begin: `src/shop/cart.py` as `shop.cart`, `cart`."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    for first in range(len(parts)):
        yield ".".join(parts[first:])


def _imported(path: str, text: str) -> frozenset[str] | None:
    """Names of modules; None where nobody can tell."""
    try:
        return frozenset(_named(ast.parse(text), path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _named(module: ast.Module, path: str) -> Iterable[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, path)
            yield from _prefixes(base)
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _base(node: ast.ImportFrom, path: str) -> str:
    """The module after `from`; a relative one from where the file is."""
    if not node.level:
        return node.module or ""
    folder = PurePosixPath(path).parent.parts
    above = folder[: len(folder) - (node.level - 1)]
    return ".".join((*above, *((node.module,) if node.module else ())))


def _prefixes(name: str) -> Iterator[str]:
    """Importing `a.b` runs `a` too."""
    parts = name.split(".")
    for last in range(1, len(parts) + 1):
        yield ".".join(parts[:last])
