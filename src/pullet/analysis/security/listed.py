"""What files of a repository say of its dependencies: lines of requirements, lock files, a project's own tables.

A line that nobody can read is told as such, so that nothing counts as looked at that was not.
"""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from pullet.domain.toml import load_toml

LOCKS = frozenset({"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"})
_PYLOCK = re.compile(r"pylock(\.[^/]+)?\.toml")
_REQUIREMENTS = re.compile(r"(^|/)([^/]*requirements[^/]*|requirements/[^/]+)\.(txt|in)$")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_INCLUDES = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[ =]?\s*(\S.*)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_HASH = re.compile(r"--hash[= ](\S+)|#sha(?:256|384|512)=\w+")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]{1,500}@")
_SHOWN = 200  # characters of a line
_LENGTH = 4000  # characters of a line that is read


class Kind(StrEnum):
    PINNED = "pinned"  # one version
    LOOSE = "loose"  # any of several
    FETCHED = "fetched"  # from an address, not from an index
    OPTION = "option"  # how everything is installed: an index, a host
    INCLUDED = "included"  # another file
    UNREAD = "unread"


@dataclass(frozen=True)
class Listed:
    kind: Kind
    path: str
    line: int = 0
    """From 1; 0: not known."""
    name: str = ""
    """Canonical, where one is told."""
    version: str = ""
    text: str = ""
    """The line; of `INCLUDED` the other file, as it is written there; of `UNREAD` why."""
    fixed: bool = False
    """Of what is fetched: whether a hash or a commit's id says what it has to be."""


def is_lock(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name in LOCKS or bool(_PYLOCK.fullmatch(name))


def is_requirements(path: str) -> bool:
    return bool(_REQUIREMENTS.search(path))


def is_declaration(path: str) -> bool:
    """A project's own file, which a lock beside or above makes exact."""
    return path.rpartition("/")[2] in _READERS


def lists_dependencies(path: str) -> bool:
    """Whether `listed_in` knows what to do with it."""
    return is_lock(path) or is_requirements(path) or is_declaration(path)


def listed_in(path: str, data: bytes) -> tuple[Listed, ...]:
    """Everything in the file; one `UNREAD` where it cannot be read."""
    name = PurePosixPath(path).name
    try:
        text = data.decode("utf-8-sig")
        reader = _LOCK_READERS.get(name, _of_lock) if is_lock(path) else _READERS.get(name, _of_requirements)
        return tuple(reader(text, path))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError, configparser.Error) as err:
        return (Listed(Kind.UNREAD, path, text=f"{type(err).__name__}: {err}"[:_SHOWN]),)


class _Lines:
    """Where each text of a file stands first, found in one pass."""

    def __init__(self, text: str) -> None:
        self._first: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            self._first.setdefault(line.strip(), number)
            self._first.setdefault(re.split(r"[\s=:]", line.strip(), maxsplit=1)[0].strip('"'), number)

    def of(self, *texts: str) -> int:
        return next((self._first[text] for text in texts if text in self._first), 0)


def _of_requirements(text: str, path: str) -> Iterator[Listed]:
    for number, line in _whole_lines(text):
        said = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if not said:
            continue
        if len(said) > _LENGTH:
            yield Listed(Kind.UNREAD, path, number, text=f"a line of {len(said)} characters")
        elif said.startswith("-"):
            yield from _of_option(said, path, number)
        else:
            yield _of_line(said, path, number)


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """With those that a backslash continues, under the number of the first."""
    begun, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield begun, " ".join([*parts, line])
        begun, parts = 0, []
    if parts:
        yield begun, " ".join(parts)


def _of_option(said: str, path: str, number: int) -> Iterator[Listed]:
    if (other := _INCLUDES.match(said)) is not None:
        yield Listed(Kind.INCLUDED, path, number, text=other[1])
    elif (editable := _EDITABLE.match(said)) is not None:
        if "://" in editable[1]:
            yield _fetched(editable[1], path, number)
    else:
        yield Listed(Kind.OPTION, path, number, text=_told(said))


def _of_line(said: str, path: str, number: int) -> Listed:
    bare = re.split(r"\s--", said, maxsplit=1)[0].strip()
    archive = bare.endswith((".whl", ".tar.gz", ".zip")) and "://" not in bare
    if archive or bare.startswith((".", "/", "file:")):
        return _of_archive(bare, path, number)
    try:
        wanted = Requirement(bare)
    except InvalidRequirement:
        if "://" in bare:
            return _fetched(said, path, number)
        return Listed(Kind.UNREAD, path, number, text=f"`{_told(said)}` is no requirement")
    if wanted.url:
        return _fetched(said, path, number, wanted.name)
    return _named(wanted, said, path, number)


def _named(wanted: Requirement, said: str, path: str, number: int) -> Listed:
    name = canonicalize_name(wanted.name)
    exact = [each for each in wanted.specifier if each.operator in ("==", "===") and not each.version.endswith("*")]
    if exact:
        return Listed(Kind.PINNED, path, number, name, exact[0].version, _told(said))
    return Listed(Kind.LOOSE, path, number, name, "", _told(said))


def _of_archive(said: str, path: str, number: int) -> Listed:
    """A wheel in the repository says by its name what it is; it is never opened."""
    try:
        name, version, _, _ = parse_wheel_filename(PurePosixPath(said).name)
    except InvalidWheelFilename:
        if said.endswith((".tar.gz", ".zip")):
            return Listed(Kind.UNREAD, path, number, text=f"`{_told(said)}` does not say what it is")
        return Listed(Kind.OPTION, path, number, text=_told(said))  # a folder: the app's own code
    return Listed(Kind.PINNED, path, number, name, str(version), _told(said))


def _told(said: str) -> str:
    """Of a line what may be shown: whoever reads a report need not get into the index."""
    return _CREDENTIALS.sub("…@", said)[:_SHOWN]


def _fetched(said: str, path: str, number: int, name: str = "") -> Listed:
    egg = _EGG.search(said)
    name = name or (egg[1] if egg else "")
    fixed = bool(_HASH.search(said) or re.search(rf"@{_COMMIT.pattern}(?![0-9a-f])", said))
    return Listed(Kind.FETCHED, path, number, canonicalize_name(name), "", _told(said), fixed)


def _of_lock(text: str, path: str) -> Iterator[Listed]:
    """uv's, Poetry's, PDM's and the standard's: each has an array of tables. Without the project itself, which has no
    version of its own to be vulnerable in."""
    document = load_toml(text)
    lines = _Lines(text)
    packages = document.get("package", document.get("packages", []))
    for package in packages:
        if not {"virtual", "editable", "directory"} & _origin(package):
            yield _locked(package, path, lines)


def _origin(package: Mapping[str, Any]) -> set[str]:
    """Where it comes from, in the words of all of them: `registry`, `git`, `vcs`, `archive`, `directory`…"""
    source = package.get("source", {})
    kinds = {str(source["type"])} if "type" in source else set(source)
    return kinds | ({"vcs", "archive", "directory"} & set(package))


def _locked(package: Mapping[str, Any], path: str, lines: _Lines) -> Listed:
    name, version = str(package["name"]), str(package.get("version", ""))
    line = lines.of(f'name = "{name}"')
    fetched = bool({"git", "url", "vcs", "archive"} & _origin(package))
    if fetched or not version:
        told = json.dumps(package, default=str)
        fixed = bool(_COMMIT.search(told) or '"hash' in told or '"sha256' in told)
        kind = Kind.FETCHED if fetched else Kind.UNREAD
        return Listed(kind, path, line, canonicalize_name(name), version, _told(f"{name} {version}"), fixed)
    return Listed(Kind.PINNED, path, line, canonicalize_name(name), version, _told(f"{name} {version}"))


def _of_pipfile_lock(text: str, path: str) -> Iterator[Listed]:
    lines = _Lines(text)
    for name, package in json.loads(text).get("default", {}).items():
        line = lines.of(name)
        version = str(package.get("version", "")).lstrip("=")
        kind = Kind.PINNED if version else Kind.FETCHED
        fixed = bool(_COMMIT.fullmatch(str(package.get("ref", ""))))
        yield Listed(kind, path, line, canonicalize_name(name), version, _told(f"{name} {version}"), fixed)


def _of_project(text: str, path: str) -> Iterator[Listed]:
    document, lines = load_toml(text), _Lines(text)
    for said in _project_lines(document.get("project", {})):
        yield _of_line(said[:_LENGTH], path, lines.of(f'"{said}",', f'"{said}"', f'dependencies = ["{said}"]'))
    poetry = document.get("tool", {}).get("poetry", {})
    yield from _of_tables(poetry.get("dependencies", {}), path, lines)
    if document.get("tool", {}).get("uv", {}).get("index-strategy", "") == "unsafe-best-match":
        line = lines.of('index-strategy = "unsafe-best-match"')
        yield Listed(Kind.OPTION, path, line, text='index-strategy = "unsafe-best-match"')


def _project_lines(project: Mapping[str, Any]) -> Iterable[str]:
    groups = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    return [str(said) for group in groups for said in group]


def _of_pipfile(text: str, path: str) -> Iterator[Listed]:
    return _of_tables(load_toml(text).get("packages", {}), path, _Lines(text))


def _of_setup_cfg(text: str, path: str) -> Iterator[Listed]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    lines = _Lines(text)
    for said in parser.get("options", "install_requires", fallback="").splitlines():
        if said.strip() and not said.strip().startswith("#"):
            yield _of_line(said.strip()[:_LENGTH], path, lines.of(said.strip()))


def _of_setup_py(text: str, path: str) -> Iterator[Listed]:
    if "install_requires" in text:
        yield Listed(Kind.UNREAD, path, text="it would have to be run to tell what it needs")


def _of_conda(text: str, path: str) -> Iterator[Listed]:
    if "dependencies:" in text and "channels:" in text:
        yield Listed(Kind.UNREAD, path, text="conda's environments are not read")


def _of_tables(dependencies: Mapping[str, Any], path: str, lines: _Lines) -> Iterator[Listed]:
    """Poetry's and Pipenv's: name to a version, or to a table."""
    for name, wanted in dependencies.items():
        if name.lower() == "python":
            continue
        table = wanted if isinstance(wanted, Mapping) else {"version": wanted}
        if "path" in table:
            continue
        version = str(table.get("version", ""))
        kind = Kind.FETCHED if {"git", "url", "file"} & set(table) else Kind.LOOSE
        pinned = re.fullmatch(r"(?:={2,3}\s*)?([0-9][^\s,*]*)", version)
        fixed = bool(_COMMIT.fullmatch(str(table.get("rev", table.get("ref", "")))))
        yield Listed(
            Kind.PINNED if pinned and kind is Kind.LOOSE else kind,
            path,
            lines.of(name),
            canonicalize_name(name),
            pinned[1] if pinned else "",
            _told(f"{name} {version}"),
            fixed,
        )


_LOCK_READERS: Mapping[str, Callable[[str, str], Iterator[Listed]]] = {"Pipfile.lock": _of_pipfile_lock}
_READERS: Mapping[str, Callable[[str, str], Iterator[Listed]]] = {
    "Pipfile": _of_pipfile,
    "pyproject.toml": _of_project,
    "setup.cfg": _of_setup_cfg,
    "setup.py": _of_setup_py,
    "environment.yml": _of_conda,
    "environment.yaml": _of_conda,
}
