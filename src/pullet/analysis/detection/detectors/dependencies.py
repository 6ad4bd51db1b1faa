"""What is to be installed, and which application servers are among it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from pullet.analysis.detection.detectors import conda, imports
from pullet.analysis.detection.drivers import PACKAGES, needed_by
from pullet.analysis.detection.repository import Repository, folder_of
from pullet.domain.app import Confidence, DependencyKind, Evidence

SUBJECT = "dependencies"
SERVER_SUBJECT = "server"
LISTED, UNKNOWN = "dependencies.imports", "dependencies.unknown"
"""Subjects, where no file lists dependencies: one requirement each, and one name each."""
_INCLUDES = 10  # requirement files that others may include with -r
_PATTERNS, _PATTERN = 50, 60  # of a workspace's members, and the characters of each of their parts
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?")
_REQUIREMENTS = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements-production.txt",
    "requirements-prod.txt",
    "requirements_prod.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
    "requirements/main.txt",
    "requirements/common.txt",
)
SERVERS = ("gunicorn", "uvicorn", "granian", "hypercorn", "daphne", "waitress")
_BRINGS = {"fastapi[standard]": "uvicorn", "fastapi[all]": "uvicorn", "litestar[standard]": "uvicorn"}
_BRINGS |= {"channels[daphne]": "daphne"}


class Requirement(NamedTuple):
    name: str
    """Normalised, with extras: `uvicorn[standard]`."""
    path: str
    line: int


def detect(repository: Repository) -> Iterable[Evidence]:
    if lock := _workspace_lock(repository):
        because = f"uv.lock at the top is the workspace's, of which {repository.root} is a member"
        yield Evidence(SUBJECT, lock, repository.top.place("uv.lock"), Confidence.LIKELY, "dependencies", because)
    for path in _installable(repository):
        because = f"{path} lists the dependencies"
        yield Evidence(SUBJECT, path, repository.place(path), Confidence.LIKELY, "dependencies", because)
    if not has_dependencies(repository):
        yield from _not_listed(repository)
    yield from _servers(repository)


def _not_listed(repository: Repository) -> Iterator[Evidence]:
    """What is installed where pip, Poetry, uv and Pipenv have no file: environment.yml, else imports."""
    verb = "lists" if repository.once(conda.listed) else "imports"
    for each in _needed(repository):
        subject, end = (LISTED, "") if each.requirement else (UNKNOWN, ", which is not known well: it is not installed")
        because = f"{each.path} {verb} {each.name}{end}"
        place = repository.place(each.path, each.line)
        yield Evidence(subject, each.requirement or each.name, place, Confidence.POSSIBLE, "dependencies", because)


def _needed(repository: Repository) -> tuple[imports.Found, ...]:
    return repository.once(conda.listed) or repository.once(imports.imported)


def has_dependencies(repository: Repository) -> bool:
    return next(_installable(repository), None) is not None


def kind_of(path: str) -> DependencyKind:
    """The kind of dependency file that a path is."""
    name = path.rpartition("/")[2]
    kinds = {str(kind): kind for kind in DependencyKind}
    return kinds.get(name, DependencyKind.SETUP if name == "setup.cfg" else DependencyKind.REQUIREMENTS)


def requirements(repository: Repository) -> Iterator[Requirement]:
    """What the app itself asks for, by every file that says so. Transitive dependencies are not looked at: a server
    that only comes along with something else may leave with it."""
    for path in _REQUIREMENTS:
        yield from _from_requirements(repository, path, set())
    for path in (
        "pyproject.toml",
        "src/pyproject.toml",
    ):  # of the project itself, and of one that is installed in place
        yield from _from_pyproject(repository, path)
    for read in (_from_pipfile, _from_setup):
        yield from read(repository)
    if not has_dependencies(repository):
        for each in _needed(repository):
            if requirement := _requirement(each.requirement, each.path, each.line):
                yield requirement


def _installable(repository: Repository) -> Iterator[str]:
    """Dependency files that can be installed from, best first."""
    project = _is_project(repository)
    candidates = (
        ("uv.lock", project),
        ("poetry.lock", project),
        ("Pipfile.lock", True),
        *((path, True) for path in _REQUIREMENTS),
        ("pyproject.toml", project),
        ("Pipfile", True),
        ("setup.py", True),
        ("setup.cfg", "[options]" in repository.text("setup.cfg")),
    )
    return (path for path, usable in candidates if usable and path in repository.paths)


def _workspace_lock(repository: Repository) -> str:
    """The path of the lock that a member of a uv workspace shares; empty where it has one of its own or is none."""
    uv = _table(_table(repository.top.toml("pyproject.toml"), "tool"), "uv")
    workspace, root = _table(uv, "workspace"), repository.root
    if root == "." or "uv.lock" in repository.paths or "uv.lock" not in repository.top.paths:
        return ""
    is_member = _is_among(root, workspace, "members") and not _is_among(root, workspace, "exclude")
    return "../" * (root.count("/") + 1) + "uv.lock" if is_member and _is_project(repository) else ""


def _is_among(folder: str, workspace: dict[str, Any], key: str) -> bool:
    patterns = (each.strip("/").split("/") for each in _list(workspace, key)[:_PATTERNS] if isinstance(each, str))
    parts = folder.split("/")
    return any(
        len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))
        for pattern in patterns
        if max(map(len, pattern)) < _PATTERN
    )


def _is_project(repository: Repository) -> bool:
    """A pyproject.toml that only configures tools lists no dependencies."""
    content = repository.toml("pyproject.toml")
    return "project" in content or "poetry" in _table(content, "tool")


def _servers(repository: Repository) -> Iterator[Evidence]:
    for requirement in requirements(repository):
        server = _BRINGS.get(requirement.name, requirement.name.partition("[")[0])
        if server in SERVERS:
            place = repository.place(requirement.path, requirement.line)
            because = f"{requirement.name} is among the dependencies"
            yield Evidence(SERVER_SUBJECT, server, place, Confidence.LIKELY, "dependencies", because)


def _from_requirements(repository: Repository, path: str, seen: set[str]) -> Iterator[Requirement]:
    if path in seen or len(seen) > _INCLUDES:
        return
    seen.add(path)
    for number, line in enumerate(repository.text(path).splitlines(), 1):
        flag, _, rest = line.strip().partition(" ")
        if flag in ("-r", "--requirement"):
            folder = folder_of(path)
            yield from _from_requirements(
                repository, rest.strip() if folder == "." else f"{folder}/{rest.strip()}", seen
            )
        elif requirement := _requirement(line, path, number):
            yield requirement


def _from_pyproject(repository: Repository, path: str) -> Iterator[Requirement]:
    content = repository.toml(path)
    listed = _table(content, "project").get("dependencies")
    poetry = _table(_table(_table(content, "tool"), "poetry"), "dependencies")
    yield from _named(repository, path, [*(listed if isinstance(listed, list) else ()), *_with_extras(poetry)])


def _from_pipfile(repository: Repository) -> Iterator[Requirement]:
    packages = _table(repository.toml("Pipfile"), "packages")
    yield from _named(repository, "Pipfile", _with_extras(packages))
    try:
        locked = json.loads(repository.text("Pipfile.lock") or "{}")
    except (ValueError, RecursionError):
        return
    if isinstance(locked, dict) and not packages:
        yield from _named(repository, "Pipfile.lock", list(_table(locked, "default")))


def _from_setup(repository: Repository) -> Iterator[Requirement]:
    """setup.py is a program and setup.cfg has its own syntax: only quoted or bare names that matter are looked for."""
    for path in ("setup.py", "setup.cfg"):
        text = repository.text(path)
        seen: set[str] = set()
        for found in _IN_SETUP.finditer(text):
            if found[1] not in seen:
                seen.add(found[1])
                yield Requirement(found[1], path, text.count("\n", 0, found.start(1)) + 1)


def _named(repository: Repository, path: str, texts: list[Any]) -> Iterator[Requirement]:
    for text in texts:
        if isinstance(text, str) and (requirement := _requirement(text, path, 0)):
            bare = requirement.name.partition("[")[0]
            matters = bare in _INTERESTING or needed_by(requirement.name) is not None
            line = repository.line_of(path, text) or repository.line_of(path, bare) if matters else 0
            yield requirement._replace(line=line)


def _requirement(text: str, path: str, line: int) -> Requirement | None:
    found = _NAME.match(text)
    if not found:
        return None
    extras = (found[2] or "").replace(" ", "").lower()
    return Requirement(re.sub(r"[-_.]+", "-", found[1]).lower() + extras, path, line)


_INTERESTING = frozenset((*SERVERS, *PACKAGES, "celery")) | {name.partition("[")[0] for name in _BRINGS}
_IN_SETUP = re.compile(
    rf"""(?:^[ \t]{{0,40}}|["'])((?:{"|".join(sorted((*SERVERS, *PACKAGES, "celery"), key=len, reverse=True))})"""
    r"""(?:\[[a-z,]{0,40}\])?)[ \t]{0,40}(?:["'<>=~!;]|$)""",
    re.MULTILINE,
)


def _with_extras(packages: dict[str, Any]) -> list[Any]:
    """`uvicorn[standard]` for Poetry's and Pipenv's `uvicorn = { extras = ["standard"] }`."""
    texts = []
    for name, value in packages.items():
        extras = _list(value, "extras")
        texts.append(f"{name}[{','.join(map(str, extras))}]" if extras else name)
    return texts


def _list(value: object, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _table(content: object, key: str) -> dict[str, Any]:
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, dict) else {}
