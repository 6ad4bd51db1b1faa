"""Question: {tree, files}. Answer: {locked: [[name, version, file, line]], loose: [[text, file]], imports: [name]}."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pullet.drivers.security.asked.files import Unread, read

_PINNED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;,#*]+)\s*(?:[;#\\]|--|$)")
_NAMED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LOCKS = ("uv.lock", "poetry.lock", "pylock.toml")
_LIMIT = 16 << 20  # bytes
_PYTHON_FILES = 5000


def main() -> None:
    sys.setrecursionlimit(2000)
    question = json.load(sys.stdin)
    tree, files = Path(question["tree"]), question["files"]
    locked: list[tuple[str, str, str, int]] = []
    loose: list[tuple[str, str]] = []
    for path in files:
        name = PurePosixPath(path).name
        try:
            if name in _LOCKS:
                locked += _lock(read(tree, path, _LIMIT), path)
            elif name == "Pipfile.lock":
                locked += _pipfile(read(tree, path, _LIMIT), path)
            elif name.startswith("requirements") and name.endswith(".txt"):
                for entry in _requirements(read(tree, path), path):
                    locked.append(entry) if len(entry) == 4 else loose.append(entry)
        except (Unread, ValueError, RecursionError, AttributeError, TypeError, KeyError) as err:
            loose.append((f"the file itself: {str(err)[:100]}", path))
    answer = {"locked": locked[:50_000], "loose": loose[:50_000], "imports": sorted(_imports(tree, files))}
    json.dump(answer, sys.stdout)


def _lock(data: bytes, path: str) -> Iterator[tuple[str, str, str, int]]:
    """Without the project itself, which has no version of its own to be vulnerable in."""
    document = tomllib.loads(data.decode())
    lines = data.decode().splitlines()
    for package in document.get("package", document.get("packages", [])):
        source = package.get("source", {})
        if "version" in package and not (isinstance(source, dict) and {"virtual", "editable"} & set(source)):
            yield str(package["name"]), str(package["version"]), path, _line(lines, f'name = "{package["name"]}"')


def _pipfile(data: bytes, path: str) -> Iterator[tuple[str, str, str, int]]:
    lines = data.decode().splitlines()
    for name, package in json.loads(data).get("default", {}).items():
        if str(package.get("version", "")).startswith("=="):
            yield name, str(package["version"]).lstrip("="), path, _line(lines, f'"{name}"')


def _requirements(data: bytes, path: str) -> Iterator[Any]:
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        text = line.split(" #")[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        if (pinned := _PINNED.match(text)) is not None:
            yield pinned[1], pinned[2], path, number
        elif _NAMED.match(text):
            yield text[:200], path


def _line(lines: list[str], what: str) -> int:
    return next((number for number, line in enumerate(lines, 1) if what in line), 0)


def _imports(tree: Path, files: list[str]) -> set[str]:
    found: set[str] = set()
    for path in [path for path in files if path.endswith(".py")][:_PYTHON_FILES]:
        try:
            module = ast.parse(read(tree, path))
        except (Unread, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


if __name__ == "__main__":
    main()
