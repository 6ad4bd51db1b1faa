"""Question: {tree, files}. Answer: {imports: [name], unread}, `unread`: Python files whose imports are not known."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pullet.drivers.security.asked.files import Unread, read

_PYTHON_FILES = 5000


def main() -> None:
    sys.setrecursionlimit(2000)
    question = json.load(sys.stdin)
    found, unread = _imports(Path(question["tree"]), question["files"])
    json.dump({"imports": sorted(found), "unread": unread}, sys.stdout)


def _imports(tree: Path, paths: list[str]) -> tuple[set[str], int]:
    found: set[str] = set()
    unread = max(0, len(paths) - _PYTHON_FILES)
    for path in paths[:_PYTHON_FILES]:
        try:
            module = ast.parse(read(tree, path))
        except (Unread, SyntaxError, ValueError, RecursionError, MemoryError):
            unread += 1
            continue
        found |= set(_imported(module))
    return found, unread


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


if __name__ == "__main__":
    main()
