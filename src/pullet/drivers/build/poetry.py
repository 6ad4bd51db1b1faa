"""poetry.lock as a lock of Pullet's: the main group and what it needs, with hashes, for one interpreter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from packaging.markers import InvalidMarker, Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name
from packaging.version import Version

from pullet.domain.errors import BuildFailed
from pullet.drivers.build.development import poetry_dependencies
from pullet.drivers.build.inputs import Indexes, refused
from pullet.drivers.build.interpreters import specifiers
from pullet.drivers.build.locks import Lock, checked, out_of_date
from pullet.drivers.build.projects import git_url

_Table = Mapping[str, Any]


def from_poetry_lock(
    lock: _Table, pyproject: _Table, version: tuple[int, int, int], place: str, groups: Sequence[str] = ()
) -> Lock:
    """`groups`: of the project, besides what it needs itself.

    Raises BuildFailed where the lock lacks what pyproject.toml asks for, or installs from a path.
    """
    packages: list[_Table] = [package for package in lock.get("package", ()) if isinstance(package, dict)]
    environment = _environment(version)
    if not packages and "package" in lock:
        raise BuildFailed(f"{place} has no packages", hint="Run `poetry lock` and commit it.")
    more = [each for group in groups for each in poetry_dependencies(pyproject, group).items()]
    roots = [*_roots(pyproject), *((canonicalize_name(name), entry) for name, entry in more)]
    present = {canonicalize_name(str(package["name"])) for package in packages}
    missing = [name for name, entry in roots if name not in present and not _optional(entry)]
    if missing:
        raise out_of_date(place, "pyproject.toml", missing, "poetry lock")
    grouped = any("groups" in package for package in packages)
    chosen = _of_groups(packages, {"main", *groups}) if grouped else _reached(packages, roots, environment)
    indexes = [str(p["source"]["url"]) for p in chosen if dict(p.get("source", {})).get("type") == "legacy"]
    entries = [_entry(package, lock, place) for package in chosen]
    return Lock(checked(sorted(entries), place), Indexes(extra=tuple(dict.fromkeys(indexes))))


def _environment(version: tuple[int, int, int]) -> dict[str, str]:
    full = ".".join(map(str, version))
    return {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": ".".join(map(str, version[:2])),
        "python_full_version": full,
        "implementation_version": full,
        "extra": "",
    }


def _roots(pyproject: _Table) -> Iterator[tuple[str, Any]]:
    """(name, entry) of the dependencies that the app itself declares, in Poetry's or the standard's table."""
    poetry = dict(dict(pyproject.get("tool", {})).get("poetry", {}))
    for name, entry in dict(poetry.get("dependencies", {})).items():
        if name != "python":
            yield canonicalize_name(name), entry
    for text in dict(pyproject.get("project", {})).get("dependencies", ()):
        try:
            parsed = Requirement(str(text))
        except InvalidRequirement:
            continue  # not for us to judge: Poetry made the lock of it
        marker = {"markers": str(parsed.marker)} if parsed.marker else {}
        yield canonicalize_name(parsed.name), {"extras": sorted(parsed.extras), **marker}


def _optional(entry: object) -> bool:
    return isinstance(entry, Mapping) and bool(entry.get("optional"))


def _of_groups(packages: Iterable[_Table], groups: set[str]) -> list[_Table]:
    return [each for each in packages if groups.intersection(each.get("groups", ())) and not each.get("optional")]


def _reached(packages: list[_Table], roots: Iterable[tuple[str, Any]], environment: dict[str, str]) -> list[_Table]:
    """Poetry before 2.0 writes no groups: follow the dependencies from the app's own, as they hold here."""
    by_name: dict[str, list[_Table]] = {}
    for package in packages:
        by_name.setdefault(canonicalize_name(str(package["name"])), []).append(package)
    chosen: dict[str, _Table] = {}
    pending: list[tuple[str, Any, frozenset[str]]] = [(name, entry, frozenset()) for name, entry in roots]
    visited: set[tuple[str, frozenset[str]]] = set()
    while pending:
        name, declared, of_extras = pending.pop()
        held = _holding(declared, environment, of_extras)
        fitting = None if held is None else _fitting(by_name.get(name, []), environment, held)
        extras = frozenset(map(str, (held or {}).get("extras", ())))
        if fitting is None or (name, extras) in visited:
            continue
        visited.add((name, extras))
        chosen[name] = fitting
        pending += [(canonicalize_name(n), e, extras) for n, e in dict(fitting.get("dependencies", {})).items()]
    return list(chosen.values())


def _holding(declared: object, environment: dict[str, str], extras: frozenset[str]) -> _Table | None:
    """The entry that applies here, of one or of several with different markers; None where none does."""
    entries = declared if isinstance(declared, list) else [declared]
    for one in entries:
        entry: _Table = dict(one) if isinstance(one, Mapping) else {"version": str(one)}
        marker = str(entry.get("markers", ""))
        if entry.get("optional") and "extra" not in marker:
            continue
        if _true(marker, environment, extras) and _allows(entry.get("python", "*"), environment):
            return entry
    return None


def _true(marker: str, environment: dict[str, str], extras: frozenset[str]) -> bool:
    if not marker:
        return True
    try:
        parsed = Marker(marker)
    except InvalidMarker:
        return True
    return any(parsed.evaluate({**environment, "extra": extra}) for extra in (extras or {""}))


def _allows(constraint: object, environment: dict[str, str]) -> bool:
    return _within(Version(environment["python_full_version"]), str(constraint))


def _within(version: Version, constraint: str) -> bool:
    try:
        return any(specifiers(part).contains(version, prereleases=True) for part in constraint.split("||"))
    except InvalidSpecifier:
        return True


def _fitting(packages: list[_Table], environment: dict[str, str], entry: _Table) -> _Table | None:
    """Of several locked versions of one package, the one for this interpreter and this dependency."""
    usable = [one for one in packages if _allows(one.get("python-versions", "*"), environment)] or packages
    wanted = str(entry.get("version", "*"))
    return next((one for one in usable if _within(Version(str(one["version"])), wanted)), usable[0] if usable else None)


def _entry(package: _Table, lock: _Table, place: str) -> str:
    name, source = str(package["name"]), dict(package.get("source", {}))
    markers = _marker(package)
    marker = f" ; {markers}" if markers else ""
    match source.get("type", "legacy"):
        case "git":
            url = git_url(
                str(source["url"]), str(source.get("resolved_reference", "")), str(source.get("subdirectory", ""))
            )
            return f"{name} @ {url}{marker}"
        case "legacy":
            return f"{name}=={package['version']}{marker}{_hashes(package, lock)}"
        case "url" if re.match(r"https?://\S+$", str(source.get("url", ""))):
            return f"{name} @ {source['url']}{marker}{_hashes(package, lock)}"
        case other:
            raise refused(place, f"{name}: {other} {source.get('url', '')}", "installs from a path")


def _marker(package: _Table) -> str:
    """Poetry may give one a group; the app's own counts where the package is of it."""
    markers, groups = package.get("markers", ""), package.get("groups", ("main",))
    if not isinstance(markers, Mapping):
        return str(markers)
    if "main" in groups:
        return str(markers.get("main", ""))
    of_each = [str(markers.get(group, "")) for group in groups]
    return "" if "" in of_each else " or ".join(f"({marker})" for marker in of_each)


def _hashes(package: _Table, lock: _Table) -> str:
    files = package.get("files") or dict(dict(lock.get("metadata", {})).get("files", {})).get(package["name"], ())
    return "".join(f" --hash={file['hash']}" for file in files if "hash" in file)
