"""What is assessed, as engines see it: which files of a folder they shall open, and which frameworks speak in them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pullet.domain.addresses import while_building
from pullet.domain.app import AppSpec
from pullet.domain.hosts import SETTINGS_VARIABLE
from pullet.domain.identity import EnvironmentKey
from pullet.domain.personality import Surroundings, variables_of
from pullet.ports.assessing import Subject

_FILE_LIMIT = 20 << 20  # bytes
_FILES = 100_000
_MISSED_SHOWN = 100
_LEFT_OUT = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"})
_READ_LIMIT = 256 << 10  # bytes of a file
_LOOKED_AT = 400  # files
_NAMES = "django|flask|fastapi|starlette|litestar|quart|sanic|aiohttp|tornado|bottle|falcon"
_IMPORT = re.compile(rf"^[ \t]*(?:from|import)[ \t]+({_NAMES})\b".encode(), re.MULTILINE)
_PLACEHOLDER = "Pullet-0123456789-abcdefghijklmnopqrstuvwxyz-no-secret-but-as-long-as-one"
_SCANNED = re.compile(r".*\.py", re.DOTALL)


def every_file(top: Path) -> Iterator[str]:
    """Relative paths of all files below, links too, without the folders that hold no code of the app's own."""
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        below = os.path.relpath(folder, top)
        yield from sorted(names) if below == "." else (f"{below}/{name}" for name in sorted(names))


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


def variables(subject: Subject) -> dict[str, str]:
    """What the app finds in its environment where it is only loaded: neither services nor secrets are there, and each
    that it names has a placeholder, as settings often insist on it."""
    spec = subject.spec
    if spec is None:
        return dict(subject.variables)
    given = {name: value for service in spec.services for name, value in while_building(service).items()}
    around = _surroundings(subject, spec, given)
    return {**around, **given, **_secrets(spec), **dict(spec.variables), **subject.variables}


def _surroundings(subject: Subject, spec: AppSpec, granted: Mapping[str, str]) -> Mapping[str, str]:
    """What the platform that the app was written for would set."""
    if spec.personality is None:
        return {}
    around = Surroundings(
        environment=EnvironmentKey(subject.app, "assessed"),
        hosts=spec.personality.hosts,
        sha=subject.revision,
        ref="",
        number=1,
        folder=str(subject.tree / spec.root),
        granted=granted,
        secret=_PLACEHOLDER,
        relationships=spec.personality.relationships,
    )
    return variables_of(spec.personality, around)


def settings_module(given: Mapping[str, str]) -> str:
    """Django's settings that variables name: the app's own, not those that fit them to this box; empty: none."""
    return given.get("DJANGO_SETTINGS_MODULE") or given.get(SETTINGS_VARIABLE, "")


def _secrets(spec: AppSpec) -> dict[str, str]:
    sealed = (name for name, _ in spec.secrets_sealed)
    return dict.fromkeys((*spec.secrets_required, *spec.secrets_generated, *sealed), _PLACEHOLDER)
