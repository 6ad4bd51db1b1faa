"""What is assessed, as engines see it: which files of a folder they shall open, and which frameworks speak in them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

_FILE_LIMIT = 20 << 20  # bytes
_FILES = 100_000
_MISSED_SHOWN = 100
_LEFT_OUT = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"})
_READ_LIMIT = 256 << 10  # bytes of a file
_LOOKED_AT = 400  # files
_NAMES = "django|flask|fastapi|starlette|litestar|quart|sanic|aiohttp|tornado|bottle|falcon"
_IMPORT = re.compile(rf"^[ \t]*(?:from|import)[ \t]+({_NAMES})\b".encode(), re.MULTILINE)
_SCANNED = re.compile(r".*\.py", re.DOTALL)


def every_file(top: Path) -> Iterator[str]:
    """Relative paths of all files below, links too, without the folders that hold no code of the app's own."""
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(names):
            yield str(Path(folder, name).relative_to(top))


def sort_out(top: Path, paths: Iterable[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """(regular files to open, (path, why) of files that no engine shall open). Links and what is gone are neither.

    Blocking: a stat a file.
    """
    files: list[str] = []
    missed: list[tuple[str, str]] = []
    for path in paths:
        try:
            status = os.lstat(top / path)
        except (OSError, ValueError):
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if status.st_size > _FILE_LIMIT:
            missed.append((path, f"{status.st_size >> 20} MB, more than the limit of {_FILE_LIMIT >> 20} MB"))
        elif len(files) >= _FILES:
            missed.append((path, f"more than {_FILES} files"))
        else:
            files.append(path)
    return tuple(sorted(files)), tuple(missed[:_MISSED_SHOWN])


def frameworks(top: Path, files: Iterable[str]) -> frozenset[str]:
    """Those that the app's own code imports, as far as a few hundred of its files tell. Blocking."""
    found: set[str] = set()
    for path in [path for path in files if _SCANNED.fullmatch(path)][:_LOOKED_AT]:
        try:
            with os.fdopen(os.open(top / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                found |= {name.decode() for name in _IMPORT.findall(file.read(_READ_LIMIT))}
        except (OSError, ValueError):
            continue
    return frozenset(found)
