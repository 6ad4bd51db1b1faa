"""Files by which the owner already said it, for another platform: Procfile, runtime.txt and their kin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence, Place

_PROCFILE_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*)$")


def procfile(repository: Repository) -> Iterator[Evidence]:
    for number, line in repository.lines("Procfile"):
        match = _PROCFILE_LINE.match(line)
        if match is None:
            continue
        name, command = match[1].lower().replace("_", "-"), match[2].strip()
        subject = "release.commands" if name == "release" else f"processes.{name}.command"
        yield Evidence(
            subject, command, Place("Procfile", number), Confidence.CERTAIN, "procfile", f"Procfile names {match[1]}"
        )


def python_version(repository: Repository) -> Iterator[Evidence]:
    for path, pattern in (
        (".python-version", r"(?:cpython-)?(\d+(?:\.\d+)*)"),
        ("runtime.txt", r"python-(\d+(?:\.\d+)*)"),
    ):
        for number, line in repository.lines(path):
            match = re.fullmatch(pattern, line.strip())
            if match is not None:
                yield _python(match[1], path, number, Confidence.CERTAIN)
                break
    project = table(repository, "pyproject.toml", "project")
    if isinstance(wanted := project.get("requires-python"), str):
        yield _python(
            wanted, "pyproject.toml", _line(repository, "pyproject.toml", "requires-python"), Confidence.LIKELY
        )
    pipfile = table(repository, "Pipfile", "requires")
    for key in ("python_full_version", "python_version"):
        if isinstance(wanted := pipfile.get(key), str):
            yield _python(wanted, "Pipfile", _line(repository, "Pipfile", key), Confidence.LIKELY)


def _python(value: str, path: str, line: int, confidence: Confidence) -> Evidence:
    return Evidence("app.python", value, Place(path, line), confidence, "python-version", f"{path} asks for it")


def table(repository: Repository, path: str, *keys: str) -> dict[str, Any]:
    """A table of a TOML file; empty for whatever cannot be read as one."""
    try:
        found: Any = tomllib.loads(repository.text(path) or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _line(repository: Repository, path: str, word: str) -> int:
    return next((number for number, line in repository.lines(path) if line.strip().startswith(word)), 0)
