"""The suite's files as an archive, with the bytecode that is known of them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pullet.domain.errors import TestsFailed
from pullet.drivers.listing import inside
from pullet.ports import Word

_NOT_OURS = frozenset(
    {".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache"}
    | {".ruff_cache", ".hypothesis", ".eggs"}
)
_SIZE = 256 << 20  # bytes of all files: they are held in memory there
_COUNT = 20_000
_CACHED = re.compile(r"[^/\x00]{1,200}\.cpython-\d+(-pytest-[\w.]{1,40})?\.pyc")
_KEPT = 4_000  # files of bytecode an app
_PROJECT = 1 << 20  # bytes of pyproject.toml
_PLATFORM = {
    "sys_platform": "emscripten",
    "platform_system": "Emscripten",
    "platform_machine": "wasm32",
    "os_name": "posix",
}
_BYTECODE = 4 << 20  # bytes of one


@dataclass(frozen=True)
class Packed:
    """What an archive has."""

    uncompiled: tuple[str, ...]
    """Python files whose bytecode is not known yet, relative to the top; tests first."""
    digests: Mapping[str, str]
    """Of every Python file, by its path and content."""


class Bytecode:
    """What was compiled of an app's own files before, by their path and content. Losing it costs time. Blocking."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of Pullet's own, for one app, one Pyodide and one pytest."""
        self._folder = folder

    def known(self, digest: str) -> tuple[str, bytes] | None:
        """The name of the file in `__pycache__`, and its content."""
        with suppress(OSError, ValueError):
            name, _, data = (self._folder / digest).read_bytes().partition(b"\n")
            return name.decode(), data
        return None

    def keep(self, word: Word, asked: Mapping[str, str]) -> None:
        """What a session says of the files it was asked for, before any of their code ran."""
        files = word.get("files")
        for name, made in files.items() if isinstance(files, dict) else ():
            if name in asked and isinstance(made, dict):
                for place, text in list(made.items())[:1]:
                    self._put(asked[name], place, text)
        for old in sorted(inside([self._folder]), key=_age, reverse=True)[_KEPT:]:
            old.unlink(missing_ok=True)

    def _put(self, digest: str, place: object, text: object) -> None:
        if not (isinstance(place, str) and isinstance(text, str) and _CACHED.fullmatch(place)):
            return
        with suppress(binascii.Error, ValueError, OSError):
            data = base64.b64decode(text, validate=True)
            if len(data) <= _BYTECODE:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                new = self._folder / f".{digest}"
                new.write_bytes(place.encode() + b"\n" + data)
                new.replace(self._folder / digest)


def pack(top: Path, target: Path, own: Mapping[str, str], bytecode: Bytecode) -> Packed:
    """The files below `top`, without caches and environments, in the archive `target`.

    `own`: further files, by their path in the archive. Links are followed inside `top` only. Blocking. Raises
    TestsFailed over the limits.
    """
    digests: dict[str, str] = {}
    uncompiled: list[str] = []
    with zipfile.ZipFile(target, "w", strict_timestamps=False) as archive:
        for path, text in own.items():
            archive.writestr(path, text)
        for path, data in _files(top):
            archive.writestr(f"suite/{path}", data)
            if path.endswith(".py"):
                digests[path] = hashlib.sha256(path.encode() + b"\0" + data).hexdigest()
                if known := bytecode.known(digests[path]):
                    archive.writestr(f"suite/{os.path.dirname(path)}/__pycache__/{known[0]}", known[1])  # noqa: PTH120
                else:
                    uncompiled.append(path)
    return Packed(tuple(sorted(uncompiled, key=_tests_first)), digests)


def _files(top: Path) -> Iterator[tuple[str, bytes]]:
    """Sorted by folder. Names that are no text cannot be in an archive, and no test of them is lost unseen: Python
    could not import them."""
    size = count = 0
    real = top.resolve()
    for above, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in _NOT_OURS and not _environment(Path(above, name)))
        for name in sorted(names):
            path = Path(above, name)
            data = _content(path, real)
            if data is not None:
                size, count = size + len(data), count + 1
                if size > _SIZE or count > _COUNT:
                    raise TestsFailed(
                        f"The app has more than {_COUNT} files or {_SIZE >> 20} MB for Pyodide",
                        hint="Have git ignore data.",
                    )
                yield path.relative_to(top).as_posix(), data


def _content(path: Path, top: Path) -> bytes | None:
    """None: it is no file, or leads out of the app's folder."""
    try:
        str(path).encode()
        real = path.resolve()
        if real.is_relative_to(top) and stat.S_ISREG(real.stat().st_mode) and real.stat().st_size <= _SIZE:
            return real.read_bytes()
    except (OSError, UnicodeEncodeError, RuntimeError):
        return None
    return None


def _environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").is_file() or folder.is_symlink()


def _tests_first(path: str) -> tuple[bool, str]:
    name = path.rpartition("/")[2]
    return not (name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")), path


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def description(top: Path, lock: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """The project's own name, empty where it has none, and what an installer would have written of it. Blocking.

    A project that asks for its own version, or is a plugin of pytest, is found as on CPython.
    """
    project = _project(top)
    name = project.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,100}", name, re.ASCII):
        return "", {}
    known = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lock}
    said = project.get("version")
    version = known.get(canonicalize_name(name)) or (said if isinstance(said, str) else "0")
    if not re.fullmatch(r"[\w.+!-]{1,100}", version, re.ASCII):
        version = "0"
    folder = f"pullet/own/{name.replace('-', '_')}-{version}.dist-info"
    files = {f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    if points := "\n".join(_entry_points(project)):
        files[f"{folder}/entry_points.txt"] = points + "\n"
    return name, files


def unwanted(top: Path) -> tuple[str, ...]:
    """What the project asks for elsewhere, but not where `sys_platform` is `emscripten`. Blocking."""
    wanted: dict[str, bool] = {}
    for line in _required(_table(top)):
        with suppress(InvalidRequirement, UndefinedEnvironmentName, UndefinedComparison):
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            marker = requirement.marker
            wanted[name] = wanted.get(name, False) or marker is None or marker.evaluate({**_PLATFORM})
    return tuple(name for name, here in wanted.items() if not here)


def _required(table: Mapping[str, Any]) -> Iterator[str]:
    """Every requirement that is written down, of whatever group."""
    project = _mapping(table.get("project"))
    groups = (
        *_mapping(project.get("optional-dependencies")).values(),
        *_mapping(table.get("dependency-groups")).values(),
    )
    for lines in (project.get("dependencies"), *groups):
        yield from (line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _project(top: Path) -> Mapping[str, Any]:
    return _mapping(_table(top).get("project"))


def _table(top: Path) -> Mapping[str, Any]:
    """Of pyproject.toml; a link to another file than the app's own is not followed."""
    data = _content(top / "pyproject.toml", top.resolve())
    with suppress(ValueError, RecursionError):
        return tomllib.loads((data or b"")[:_PROJECT].decode())
    return {}


def _entry_points(project: Mapping[str, Any]) -> Iterable[str]:
    for group, points in _mapping(project.get("entry-points")).items():
        yield f"[{group}]"
        yield from (f"{name} = {place}" for name, place in _mapping(points).items())
