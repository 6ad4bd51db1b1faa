"""requirements.txt, with all that it includes, as one flat `Wanted`: each line judged before uv sees any."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from pullet.domain.errors import BuildFailed
from pullet.drivers.build.inputs import (
    NAMED,
    NO_INDEXES,
    ON_NETWORK,
    USES_VARIABLE,
    Indexes,
    TreeFiles,
    Wanted,
    check_requirement,
    inside,
    is_public_index,
    refused,
    variable,
)
from pullet.drivers.build.projects import project

_DEPTH = 10
_INCLUDE = {"-r": "requirement", "--requirement": "requirement", "-c": "constraint", "--constraint": "constraint"}
_EDITABLE = frozenset({"-e", "--editable"})
_UNDERSTOOD = frozenset({"--pre", "--no-binary", "--only-binary", "--require-hashes"})
_IRRELEVANT = frozenset({"--prefer-binary", "--use-feature", "--use-pep517", "--no-cache-dir", "--progress-bar", "-U"})

_PHANTOM = re.compile(r"pkg[-_]resources==0\.0\.0")
"""A part of setuptools that Debian's and Ubuntu's pip listed as a distribution of its own."""


@dataclass(frozen=True)
class _Line:
    text: str
    place: str
    base: str
    """The folder of its file."""


def read_requirements(files: TreeFiles, path: str) -> Wanted:
    """All that the file at `path` (from the top of the tree) asks for. Raises BuildFailed where a line is refused."""
    return _file(files, path, constraint=False, trail=())


def _file(files: TreeFiles, path: str, *, constraint: bool, trail: tuple[str, ...]) -> Wanted:
    if path in trail:
        return Wanted()  # pip reads a file that includes itself once
    if len(trail) >= _DEPTH:
        raise BuildFailed(f"{path} is included over {_DEPTH} files deep", context=" > ".join(trail))
    wanted = Wanted()
    for line in _lines(files.read(path), path):
        wanted = wanted.merged(_line(files, line, constraint=constraint, trail=(*trail, path)))
    return wanted


def _lines(text: str, path: str) -> Iterator[_Line]:
    number, pending = 0, ""
    for number, raw in enumerate(text.splitlines(), start=1):
        bare = raw.strip()
        if bare.startswith("#") and not pending:
            continue
        pending += re.sub(r"(^|\s)#.*$", "", raw) if not bare.endswith("\\") else raw.rstrip()[:-1] + " "
        if not bare.endswith("\\"):
            if pending.strip():
                yield _Line(pending.strip(), f"{path}:{number}", posixpath.dirname(path))
            pending = ""
    if pending.strip():
        yield _Line(pending.strip(), f"{path}:{number}", posixpath.dirname(path))


def _line(files: TreeFiles, line: _Line, *, constraint: bool, trail: tuple[str, ...]) -> Wanted:
    if variable(line.text):
        raise refused(line.place, line.text, USES_VARIABLE)
    if _PHANTOM.fullmatch(line.text):
        return Wanted(notices=(f"{line.place} names what never was a package, and is left out: {line.text}",))
    if not line.text.startswith("-"):
        wanted = requirement(files, line.text, line.place, line.base)
        return Wanted(constraints=wanted.requirements) if constraint else wanted
    name, value = _option(line)
    if name in _INCLUDE:
        included = inside(line.base, value, line.place) if "://" not in value else ""
        if not included:
            raise refused(line.place, line.text, "includes a file from the network")
        return _file(files, included, constraint=constraint or _INCLUDE[name] == "constraint", trail=trail)
    if name in _EDITABLE:
        return requirement(files, value, line.place, line.base)
    return _setting(line, name, value)


def _option(line: _Line) -> tuple[str, str]:
    short = re.fullmatch(r"(-[a-zA-Z])\s*(.*)", line.text)
    if short is not None and not line.text.startswith("--"):
        return short[1], _unquoted(short[2])
    name, _, value = (
        re.sub(r"\s+", "=", line.text, count=1).partition("=")
        if " " in line.text.split("=")[0]
        else (line.text.partition("="))
    )
    return name, _unquoted(value)


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip()


def _setting(line: _Line, name: str, value: str) -> Wanted:
    if name in {"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index"}:
        return Wanted(
            indexes=_indexes(line, name, value), notices=(f"{line.place} asks for packages from: {line.text}",)
        )
    if name in _UNDERSTOOD:
        return Wanted(options=(f"{name} {value}".strip(),))
    if name in _IRRELEVANT:
        return Wanted()
    return Wanted(notices=(f"WARNING: {line.place} has an option that is not followed: {line.text}",))


def _indexes(line: _Line, name: str, value: str) -> Indexes:
    if name == "--no-index":
        return Indexes(none=True)
    if not re.match(r"https?://\S+$", value):
        raise refused(line.place, line.text, "names an index that is not on http(s)")
    if name in {"-i", "--index-url", "--extra-index-url"} and is_public_index(value):
        return NO_INDEXES
    if name in {"-i", "--index-url"}:
        return Indexes(default=value)
    return Indexes(extra=(value,)) if name == "--extra-index-url" else Indexes(find_links=(value,))


def requirement(files: TreeFiles, text: str, place: str, base: str) -> Wanted:
    """One requirement: a package by name, a URL, or a project inside the tree."""
    if ON_NETWORK.match(text):
        text = _from_url(text)
    elif not NAMED.fullmatch(text) and not re.match(r"[A-Za-z+]+:", text):
        return _local(files, text, place, base)
    check_requirement(text, place)
    return Wanted((text,))


def _from_url(text: str) -> str:
    """pip's older spelling, `git+https://…#egg=name&subdirectory=x`, as the standard writes it."""
    egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+(?:\[[^\]]*\])?)", text)
    folder = re.search(r"[#&](subdirectory=[^&\s]+)", text)
    url, _, _ = text.partition("#")
    return f"{egg[1]} @ {url}{f'#{folder[1]}' if folder else ''}" if egg else text


def _local(files: TreeFiles, text: str, place: str, base: str) -> Wanted:
    shape = re.fullmatch(r"(?P<path>[^\[\];]*?)\s*(?P<extras>\[[A-Za-z0-9._,\s-]*\])?\s*(?:;.*)?", text)
    if shape is None or not (shape["path"].startswith(("/", ".", "~")) or "/" in shape["path"]):
        raise refused(place, text, "is not a requirement")
    folder = inside(base, shape["path"], place)
    if folder.endswith((".whl", ".gz", ".zip")):
        raise refused(place, text, "names a package file inside the repository")
    extras = tuple(part.strip() for part in (shape["extras"] or "").strip("[]").split(",") if part.strip())
    return project(files, folder, extras)
