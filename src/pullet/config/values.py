"""Values that people write in configuration files: durations, sizes, folders, names. Texts in, numbers out.

Every parser raises ValueError with what was expected and an example; `config.reading` adds file, line and key. The
annotated types are for models: the file says `"5s"`, the model holds seconds.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from pullet.domain.secrets import obeyed_by_libc

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([KMGT])(?:i?B)?", re.ASCII)
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DRIVE = re.compile(r"[A-Za-z]:")


def parse_duration(text: str) -> float:
    """Seconds in a duration: a number with ms, s, m, h or d.

    >>> parse_duration("500ms"), parse_duration("2m")
    (0.5, 120.0)
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError('a duration with a unit (ms, s, m, h, d) such as "30s"')
    return float(found[1]) * _SECONDS[found[2]]


def parse_size(text: str) -> int:
    """Bytes in a size: a number with K, M, G or T, powers of 1024.

    >>> parse_size("512M")
    536870912
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError('a size with a unit (K, M, G, T) such as "512M"')
    return int(float(found[1]) * _BYTES[found[2]])


def parse_folder(text: str) -> str:
    """A folder inside the repository, normalised; `.` is the top. Nothing that a joined path could escape with.

    >>> parse_folder("./shop//static/")
    'shop/static'
    """
    path = PurePosixPath(text)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in text or _DRIVE.match(text)
    if not text.isprintable() or not text or unsafe or path.parts[:1] == (".git",):
        raise ValueError('a folder inside the repository, relative and without "..", such as "shop/static"')
    return str(path)


def _duration(value: object) -> float:
    return parse_duration(value if isinstance(value, str) else "")


def _positive_duration(value: object) -> float:
    seconds = _duration(value)
    if seconds <= 0:
        raise ValueError('a duration above zero such as "30s"')
    return seconds


def _size(value: object) -> int:
    size = parse_size(value if isinstance(value, str) else "")
    if size <= 0:
        raise ValueError('a size above zero such as "512M"')
    return size


def _folder(value: object) -> str:
    return parse_folder(value if isinstance(value, str) else "")


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"})

Duration = Annotated[float, BeforeValidator(_duration), _DURATION_SCHEMA]
"""Seconds; written `"5s"`, `"500ms"`, `"2m"`, `"7d"`. May be zero."""

PositiveDuration = Annotated[float, BeforeValidator(_positive_duration), _DURATION_SCHEMA]
"""Seconds, above zero."""

Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?[KMGT](i?B)?$"}),
]
"""Bytes; written `"512M"`, `"1G"`."""

Folder = Annotated[str, BeforeValidator(_folder), WithJsonSchema({"type": "string", "format": "path"})]
"""A folder inside the repository; it cannot lead out of it."""


def matching(pattern: str, expected: str) -> AfterValidator:
    """For texts that the whole pattern fits; errors say that `expected` was."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(expected)
        return text

    return AfterValidator(check)


def _not_in_sight(name: str) -> str:
    if obeyed_by_libc(name):
        raise ValueError("another name: the C library obeys variables of this one, so they cannot be kept secret")
    return name


_LABEL = r"(?!.*--)[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
Label = Annotated[
    str,
    matching(_LABEL, "up to 40 lower-case letters, digits and single hyphens"),
    WithJsonSchema({"type": "string", "pattern": f"^{_LABEL}$"}),
]
"""The name of an app, an environment or a target: what `EnvironmentKey` takes."""

ProcessName = Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", "a name of up to 39 letters, digits, - and _")]

VariableName = Annotated[
    str, matching(r"[A-Za-z_][A-Za-z0-9_]{0,199}", "a variable name of letters, digits and _, such as LOG_LEVEL")
]

SecretName = Annotated[VariableName, AfterValidator(_not_in_sight)]

VariableValue = Annotated[str, matching(r"[^\x00]*", "a text without NUL")]
