"""Kinds of values that configuration files hold, each with the sentence that corrects a wrong one."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Table(BaseModel):
    """A TOML table: unknown keys are errors, nothing is converted silently, nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _seconds(value: object) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a time with its unit, such as "500ms", "15s", "5m", "1h" or "7d"')
    return float(match[1]) * _SECONDS[match[2]]


def _bytes(value: object) -> int:
    match = re.fullmatch(r"(\d+)([KMG])B?", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a size with its unit, such as "512M" or "2G"')
    return int(match[1]) * _BYTES[match[2]]


def matching(pattern: str, wanted: str) -> AfterValidator:
    """The text must match the whole pattern; `wanted` tells what to write instead."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(wanted)
        return value

    return AfterValidator(check)


def _inside(value: str) -> str:
    parts = value.split("/")
    if value.startswith("/") or ".." in parts or "\x00" in value or not value:
        raise ValueError("write a path inside the repository, relative to its top")
    return value


_TEXT_WITH_UNIT = WithJsonSchema({"type": "string"})
Duration = Annotated[float, BeforeValidator(_seconds), _TEXT_WITH_UNIT]
"""Seconds."""
Size = Annotated[int, BeforeValidator(_bytes), _TEXT_WITH_UNIT]
"""Bytes."""
InsidePath = Annotated[str, AfterValidator(_inside)]
Variable = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "a name has letters, digits and _ only")]
Text = Annotated[str, matching(r"[^\x00]*", "a value cannot hold a NUL character")]
CommandLine = Annotated[str, matching(r"(?s)[^\x00]*\S[^\x00]*", "write a command line")]
Label = Annotated[
    str, matching(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", "use up to 40 lower-case letters, digits and hyphens")
]
