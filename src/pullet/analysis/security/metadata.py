"""What an installed package says of itself: the headers of its METADATA, the modules that its RECORD lists."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]{0,100}")
_FOLDER = re.compile(r"(?P<name>.+?)(?:-(?P<version>[^-]+)(?:-py\d[\d.]*)?)?\.(?:dist|egg)-info", re.DOTALL)
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
_CODE = (".py", ".so", ".pyd")
_MODULES = 1000
_CLASSIFIERS = 200


@dataclass(frozen=True)
class Installed:
    """One package in an environment."""

    name: str
    """Canonical."""
    version: str
    modules: tuple[str, ...] = ()
    """Names it is imported by; empty where it does not say."""
    licence: str = ""
    """As it is stated: an SPDX expression, or free text."""
    classifiers: tuple[str, ...] = ()
    """Those about licences."""
    fetched: str = ""
    """The address that it was installed from instead of an index."""


class Unclear(ValueError):
    """What a package says of itself cannot be believed."""


def identified(folder: str, headers: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """(canonical name, version). Raises Unclear where there is none, or the folder is called differently."""
    named = _FOLDER.fullmatch(folder)
    name, version = _header(headers, "name"), _header(headers, "version")
    if named is None:
        raise Unclear("its folder is of no known form")
    if not headers:
        name, version = named["name"], named["version"] or ""
    if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
        raise Unclear("it does not say what it is")
    if not _agree(named["name"], named["version"] or version, name, version):
        raise Unclear(f"it calls itself {name} {version}")
    return canonicalize_name(name), version


def read_headers(text: str) -> list[tuple[str, str]]:
    """Of METADATA or PKG-INFO, up to the first empty line: (lower-case name, value), folded lines put together."""
    headers: list[tuple[str, str]] = []
    for line in text.splitlines():
        if not line.strip():
            break
        if line[0] in " \t" and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}")
        elif ":" in line:
            name, _, value = line.partition(":")
            headers.append((name.strip().lower(), value.strip()))
    return headers


def licence_of(headers: Sequence[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    """(stated licence, classifiers about licences)."""
    stated = _header(headers, "license-expression") or _header(headers, "license")
    told = [value[:200] for name, value in headers if name == "classifier" and value.startswith("License ::")]
    return stated[:300], tuple(told[:_CLASSIFIERS])


def modules_of(top_level: str, record: str) -> tuple[str, ...]:
    """From top_level.txt where there is one, else from the paths of RECORD."""
    names = [line.strip() for line in top_level.splitlines()] or list(_recorded(record))
    return tuple(sorted({name for name in names if _MODULE.fullmatch(name)})[:_MODULES])


def _recorded(record: str) -> Iterator[str]:
    for row in csv.reader(line[:2000] for line in record.splitlines()):
        if not row or not row[0].endswith(_CODE):
            continue
        first, slash, _ = row[0].partition("/")
        yield first if slash else first.partition(".")[0]


def _header(headers: Sequence[tuple[str, str]], name: str) -> str:
    return next((value for key, value in headers if key == name), "")


def _agree(folder_name: str, folder_version: str, name: str, version: str) -> bool:
    if canonicalize_name(folder_name) != canonicalize_name(name):
        return False
    try:
        return Version(folder_version) == Version(version)
    except InvalidVersion:
        return folder_version.replace("_", "-") == version.replace("_", "-")
