"""Values that people write in configuration files: durations, sizes, folders. Texts in, numbers out.

Every parser raises ValueError with what was expected and an example; `config.reading` adds file, line and key. The
annotated types are for models: the file says `"5s"`, the model holds seconds.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

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
