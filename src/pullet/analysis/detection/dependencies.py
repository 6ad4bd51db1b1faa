"""Which file says what the app depends on, and the names it says."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, DependencyKind, Evidence, Place

_BY_PRECEDENCE = (
    (DependencyKind.UV_LOCK, "uv.lock"),
    (DependencyKind.POETRY_LOCK, "poetry.lock"),
    (DependencyKind.PIPFILE_LOCK, "Pipfile.lock"),
    (DependencyKind.REQUIREMENTS, "requirements.txt"),
    (DependencyKind.REQUIREMENTS, "requirements/production.txt"),
    (DependencyKind.REQUIREMENTS, "requirements/prod.txt"),
    (DependencyKind.REQUIREMENTS, "requirements/base.txt"),
    (DependencyKind.PYPROJECT, "pyproject.toml"),
    (DependencyKind.PIPFILE, "Pipfile"),
    (DependencyKind.SETUP, "setup.py"),
    (DependencyKind.SETUP, "setup.cfg"),
)
_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def dependency_files(repository: Repository) -> Iterator[Evidence]:
    """Evidence in order of precedence: a lock says more than a wish."""
    for kind, path in _BY_PRECEDENCE:
        if path in repository.paths and _speaks(repository, kind):
            locked = path.endswith(".lock")
            yield Evidence(
                "dependencies",
                f"{kind.value} {path}",
                Place(path),
                Confidence.CERTAIN if locked else Confidence.LIKELY,
                "dependencies",
                f"{path} {'locks' if locked else 'lists'} them",
            )


def _speaks(repository: Repository, kind: DependencyKind) -> bool:
    """A pyproject.toml that only configures tools says nothing of dependencies."""
    return kind is not DependencyKind.PYPROJECT or "project" in _toml(repository, "pyproject.toml")


def requirement_names(repository: Repository) -> frozenset[str]:
    """Normalised names of everything that any dependency file asks for directly, or locks."""
    return frozenset(normal(name) for name in _names(repository))


def normal(name: str) -> str:
    """As in the package index: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(repository: Repository) -> Iterator[str]:
    for path in repository.files:
        if path.endswith(".txt") and "requirements" in path:
            yield from _leading_names(line for _, line in repository.lines(path))
    project = _toml(repository, "pyproject.toml")
    yield from _leading_names(_strings(project.get("project"), "dependencies"))
    poetry = project.get("tool", {}).get("poetry", {}) if isinstance(project.get("tool"), dict) else {}
    yield from _keys(poetry, "dependencies")
    yield from _keys(_toml(repository, "Pipfile"), "packages")
    for lock in ("uv.lock", "poetry.lock"):
        packages = _toml(repository, lock).get("package", [])
        yield from (str(p["name"]) for p in packages if isinstance(p, dict) and "name" in p)
    yield from _keys(_json(repository, "Pipfile.lock"), "default")
    setup = (repository.text("setup.py") or "") + (repository.text("setup.cfg") or "")
    yield from re.findall(r"""["'\s]([A-Za-z][A-Za-z0-9._-]*)\s*(?:[<>=~!]=|["'])""", setup)


def _leading_names(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        match = _NAME.match(line)
        if match is not None:
            yield match[1]


def _strings(holder: Any, key: str) -> list[str]:
    found = holder.get(key) if isinstance(holder, dict) else None
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def _keys(holder: Any, key: str) -> list[str]:
    found = holder.get(key) if isinstance(holder, dict) else None
    return list(found) if isinstance(found, dict) else []


def _toml(repository: Repository, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(repository.text(path) or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _json(repository: Repository, path: str) -> dict[str, Any]:
    try:
        found = json.loads(repository.text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
