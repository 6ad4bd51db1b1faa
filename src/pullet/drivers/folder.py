"""A folder as a tree of files, for commands that look at a repository before anything is committed or deployed."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pullet.domain.errors import NotFound, SourceRefused
from pullet.ports import TreeEntry

_FILES = 50_000
_SIZE = 1 << 20  # bytes
_LEFT_OUT = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"})


class FolderTree:
    """Follows no link. `without`: paths that count as absent."""

    def __init__(self, root: Path, without: Collection[str] = ()) -> None:
        self._root = root
        self._without = frozenset(without)

    async def entries(self) -> Sequence[TreeEntry]:
        """Raises NotFound, SourceRefused over the limit."""
        return await asyncio.to_thread(self._list)

    async def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return await asyncio.to_thread(self._read, paths)

    async def committed(self) -> float | None:
        """Nothing says so of files that may not be committed at all."""
        return None

    def _list(self) -> list[TreeEntry]:
        if not self._root.is_dir():
            raise NotFound(f"There is no folder {self._root}")
        found: list[TreeEntry] = []
        for entry in self._walk():
            if len(found) == _FILES:
                hint = "Name the repository's own folder."
                raise SourceRefused(f"{self._root} has more than {_FILES} files", hint=hint)
            found.append(entry)
        return found

    def _walk(self) -> Iterator[TreeEntry]:
        for folder, folders, files in os.walk(self._root):
            folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
            below = os.path.relpath(folder, self._root)
            for name in sorted(files):
                inside = name if below == "." else f"{below}/{name}"
                status = os.lstat(f"{folder}/{name}")
                if inside not in self._without and stat.S_ISREG(status.st_mode):
                    yield TreeEntry(inside, status.st_size, "file")

    def _read(self, paths: Sequence[str]) -> dict[str, bytes]:
        found = {}
        for name in paths:
            path = self._root / name
            if name in self._without or path.is_symlink() or not path.is_file() or path.stat().st_size > _SIZE:
                continue
            if path.resolve().is_relative_to(self._root.resolve()):
                found[name] = path.read_bytes()
        return found
