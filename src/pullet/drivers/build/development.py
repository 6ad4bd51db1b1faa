"""What a repository asks for to be developed and tested: the files and tables in which people write that."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.drivers.build.ini import setup_extras, tox_lines
from pullet.drivers.build.inputs import TreeFiles, Wanted
from pullet.drivers.build.interpreters import specifiers
from pullet.drivers.build.projects import git_url, pipfile_line, static_dependencies
from pullet.drivers.build.requirements import read_requirements, requirement

GROUPS = ("dev", "develop", "development", "test", "tests", "testing")
"""Names of groups and extras that hold what tests need."""
_FILES = (
    *(f"requirements{sep}{name}.txt" for name in ("dev", "test", "tests", "testing", "local") for sep in "-_."),
    *(f"{name}{sep}requirements.txt" for name in ("dev", "test", "tests") for sep in "-_"),
    *(f"requirements/{name}.txt" for name in ("dev", "develop", "development", "test", "tests", "testing", "local")),
    "requirements/requirements-dev.txt",
    "requirements/requirements-test.txt",
    "tests/requirements.txt",
    "test/requirements.txt",
)
_DEPTH = 5  # groups that include others
_UNFIT = frozenset({"--require-hashes"})
"""Options that hold for the one file that has them, not for all of what is put together."""
_DJANGO_SETTINGS = re.compile(r"^\s*(DJANGO_SETTINGS_MODULE|django_find_project|FAIL_INVALID_TEMPLATE_VARS)\s*=", re.M)


def development(files: TreeFiles, spec: AppSpec) -> Wanted:
    """All that the files of the app's root ask for; where those say nothing, the files at the top of the tree.

    Raises BuildFailed for a line that is refused.
    """
    roots = dict.fromkeys((posixpath.normpath(spec.root), "."))
    found = next((wanted for root in roots if _says((wanted := _of_root(files, root)))), Wanted())
    return replace(found, options=tuple(option for option in found.options if option.split()[0] not in _UNFIT))


def added_for_pytest(files: TreeFiles, spec: AppSpec, present: frozenset[str]) -> tuple[str, ...]:
    """What pytest needs and nobody asks for. `present`: canonical names of all that is asked for."""
    lines = [] if "pytest" in present else ["pytest"]
    if "django" in present and "pytest-django" not in present and _configures_django(files, spec.root):
        lines.append("pytest-django")
    return tuple(lines)


def plain_spec(files: TreeFiles, root: str = ".") -> AppSpec:
    """For a tree that is no app, such as a library: what it depends on by the best of its files."""
    kinds = (
        DependencyKind.UV_LOCK,
        DependencyKind.POETRY_LOCK,
        DependencyKind.PIPFILE_LOCK,
        DependencyKind.PYPROJECT,
        DependencyKind.SETUP,
        DependencyKind.REQUIREMENTS,
        DependencyKind.PIPFILE,
    )
    usable = (kind for kind in kinds if files.exists(posixpath.normpath(posixpath.join(root, kind))))
    kind = next((kind for kind in usable if kind is not DependencyKind.PYPROJECT or _is_project(files, root)), None)
    return AppSpec(root, None, Dependencies(kind, str(kind)) if kind else Dependencies(DependencyKind.NONE), ())


def groups_of(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the dependency groups that tests need, as uv knows them."""
    declared = {str(canonicalize_name(name)): name for name in _table(pyproject, "dependency-groups")}
    names = [declared[name] for name in GROUPS if name in declared]
    old = _table(pyproject, "tool", "uv").get("dev-dependencies")
    return tuple(names if "dev" in declared or not old else ["dev", *names])


def extras_of(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    optional = {str(canonicalize_name(name)): name for name in _table(pyproject, "project", "optional-dependencies")}
    return tuple(optional[name] for name in GROUPS if name in optional)


def poetry_groups(pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of Poetry's groups that tests need; the oldest spelling is the group `dev`."""
    poetry = _table(pyproject, "tool", "poetry")
    groups = {str(canonicalize_name(name)): name for name in _table(poetry, "group")}
    names = [groups[name] for name in GROUPS if name in groups]
    return tuple(names if "dev" in groups or not _table(poetry, "dev-dependencies") else ["dev", *names])


def poetry_dependencies(pyproject: Mapping[str, Any], group: str) -> dict[str, Any]:
    poetry = _table(pyproject, "tool", "poetry")
    old = _table(poetry, "dev-dependencies") if group == "dev" else {}
    return {**old, **_table(poetry, "group", group, "dependencies")}


def _says(wanted: Wanted) -> bool:
    return bool(wanted.requirements or wanted.projects)


def _of_root(files: TreeFiles, root: str) -> Wanted:
    wanted = _of_project(files, root)
    for name in _FILES:
        path = posixpath.normpath(posixpath.join(root, name))
        if files.exists(path):
            wanted = wanted.merged(read_requirements(files, path))
    wanted = wanted.merged(_of_pipfile(files, root)).merged(_of_setup(files, root))
    return wanted if _says(wanted) else _of_tox(files, root)


def _of_project(files: TreeFiles, root: str) -> Wanted:
    path = posixpath.normpath(posixpath.join(root, "pyproject.toml"))
    if not files.exists(path):
        return Wanted()
    pyproject = files.read_toml(path)
    lines = [line for name in groups_of(pyproject) for line in _group(pyproject, name, path)]
    lines += [str(line) for line in _table(pyproject, "tool", "uv").get("dev-dependencies", ())]
    wanted = _static(pyproject, lines, extras_of(pyproject), path)
    for group in poetry_groups(pyproject):
        wanted = wanted.merged(_poetry(poetry_dependencies(pyproject, group), path))
    return wanted


def _static(pyproject: Mapping[str, Any], lines: list[str], extras: tuple[str, ...], path: str) -> Wanted:
    """The lines, and what the extras have, as if the project depended on them: references to itself are followed."""
    project = _table(pyproject, "project")
    table = {**project, "dependencies": lines, "dynamic": ()}
    return _without_local(static_dependencies({**pyproject, "project": table}, extras, path) or Wanted(), pyproject)


def _without_local(wanted: Wanted, pyproject: Mapping[str, Any]) -> Wanted:
    """Less what is in the repository itself: the index may have a stranger's package of that name."""
    sources = _table(pyproject, "tool", "uv", "sources")
    local = {
        canonicalize_name(name)
        for name, source in sources.items()
        if isinstance(source, Mapping) and {"path", "workspace"} & source.keys()
    }
    return replace(wanted, requirements=tuple(line for line in wanted.requirements if name_of(line) not in local))


def _group(pyproject: Mapping[str, Any], name: str, place: str, depth: int = 0) -> Iterator[str]:
    """The requirements of a dependency group, with those that it includes (PEP 735)."""
    if depth > _DEPTH:
        raise BuildFailed(f"{place} has dependency groups that include each other", hint=f"Correct {place}.")
    groups = {canonicalize_name(each): entries for each, entries in _table(pyproject, "dependency-groups").items()}
    entries = groups.get(canonicalize_name(name), ())
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            yield from _group(pyproject, str(entry.get("include-group", "")), place, depth + 1)
        else:
            yield str(entry)


def _poetry(dependencies: Mapping[str, Any], place: str) -> Wanted:
    lines = {name: _poetry_line(name, entry) for name, entry in dependencies.items() if name != "python"}
    left = (name for name, line in lines.items() if not line)
    notices = tuple(f"WARNING: {place}: {name} is not followed without poetry.lock" for name in left)
    return Wanted(tuple(filter(None, lines.values())), notices=notices)


def _poetry_line(name: str, declared: object) -> str:
    """One of Poetry's entries in the standard's spelling; empty where it is a path or nothing that is known."""
    first = declared[0] if isinstance(declared, list) and declared else declared
    entry: dict[str, Any] = dict(first) if isinstance(first, Mapping) else {"version": str(first)}
    extras = f"[{','.join(map(str, entry['extras']))}]" if entry.get("extras") else ""
    if "git" in entry:
        reference = next((str(entry[key]) for key in ("rev", "tag", "branch") if key in entry), "")
        return f"{name}{extras} @ {git_url(str(entry['git']), reference)}"
    try:
        version = str(specifiers(str(entry.get("version", "")).partition("||")[0])) if "version" in entry else None
    except InvalidSpecifier:
        version = ""
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    return f"{name}{extras}{version}{marker}" if version is not None else ""


def _of_pipfile(files: TreeFiles, root: str) -> Wanted:
    path = posixpath.normpath(posixpath.join(root, "Pipfile"))
    if not files.exists(path):
        return Wanted()
    entries = _table(files.read_toml(path), "dev-packages").items()
    usable = [
        (name, value) for name, value in entries if not (isinstance(value, Mapping) and {"path", "file"} & value.keys())
    ]
    return Wanted(tuple(pipfile_line(str(name), value, path) for name, value in usable))


def _of_setup(files: TreeFiles, root: str) -> Wanted:
    wanted = Wanted()
    for name in ("setup.cfg", "setup.py"):
        path = posixpath.normpath(posixpath.join(root, name))
        for line in setup_extras(path, files.read(path), GROUPS) if files.exists(path) else ():
            wanted = wanted.merged(requirement(files, line, path, root))
    return wanted


def _of_tox(files: TreeFiles, root: str) -> Wanted:
    """Only where nothing else says what tests need: tox's own environments are made anew of it too."""
    wanted = Wanted()
    path = posixpath.normpath(posixpath.join(root, "tox.ini"))
    for line in tox_lines(files.read(path)) if files.exists(path) else ():
        if include := re.fullmatch(r"-(?:r|-requirement)\s*(\S+)", line):
            inner = posixpath.normpath(posixpath.join(root, include[1]))
            wanted = wanted.merged(read_requirements(files, inner)) if files.exists(inner) else wanted
        elif not (plain := line.removeprefix("-e ").strip()).startswith("-"):  # other options are pip's own
            wanted = wanted.merged(requirement(files, plain, path, root))
    return wanted


def _configures_django(files: TreeFiles, root: str) -> bool:
    """Whether pytest's configuration has settings that only pytest-django reads."""
    names = ("pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", ".pytest.ini")
    paths = (posixpath.normpath(posixpath.join(root, name)) for name in names)
    return any(_DJANGO_SETTINGS.search(files.read(path)) for path in paths if files.exists(path))


def _is_project(files: TreeFiles, root: str) -> bool:
    content = files.read_toml(posixpath.normpath(posixpath.join(root, "pyproject.toml")))
    return "project" in content or "poetry" in _table(content, "tool")


def _table(content: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    value: Any = content
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return dict(value) if isinstance(value, Mapping) else {}


def name_of(line: str) -> str:
    """The canonical name in a requirement line; empty where it names none."""
    try:
        return canonicalize_name(Requirement(line.partition(" --hash")[0]).name)
    except InvalidRequirement:
        return ""
