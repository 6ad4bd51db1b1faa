"""What a secret may be called and may hold, where it belongs, and how it could turn up in a log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from pullet.domain.errors import UsageError
from pullet.domain.identity import EnvironmentKey

VALUE_LIMIT = 64 << 10  # bytes of UTF-8; one variable of a process may have 128 KiB, execve(2)
ANY_ENVIRONMENT = "*"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)
_SHORTEST_LINE = 8  # characters of a line of a longer secret that tell something

# sysdeps/generic/unsecvars.h of glibc
_OBEYED_BY_LIBC = frozenset(
    {"GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH"}
) | {*("NIS_PATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR", "TZDIR")}
_OBEYED_PREFIXES = ("LD_", "MALLOC_")


@dataclass(frozen=True)
class SecretPlace:
    """The one place where a sealed value is good."""

    app: str
    environment: str
    """A name, or `*`: any environment of the app."""
    name: str

    def __post_init__(self) -> None:
        EnvironmentKey(self.app, "any" if self.environment == ANY_ENVIRONMENT else self.environment)
        if trouble := name_trouble(self.name):
            raise UsageError(f"{self.name!r} cannot be the name of a secret: {trouble}")

    def __str__(self) -> str:
        return f"{self.name} of {self.app}/{self.environment}"

    def covers(self, other: SecretPlace) -> bool:
        return (self.app, self.name) == (other.app, other.name) and self.environment in (
            other.environment,
            ANY_ENVIRONMENT,
        )


def obeyed_by_libc(name: str) -> bool:
    """Whether the dynamic loader or the C library obeys a variable of this name.

    Such a variable is given to an app on its command line, after the change of user, where everybody can read it.
    """
    return name in _OBEYED_BY_LIBC or name.startswith(_OBEYED_PREFIXES)


def name_trouble(name: str) -> str:
    """Why a secret cannot be called that; empty where it can."""
    if not _NAME.fullmatch(name):
        return "a name has letters, digits and _ only"
    if obeyed_by_libc(name):
        return "the C library obeys it, so it is passed in sight of every process of the box"
    return ""


def value_trouble(value: str) -> str:
    """Why a secret cannot have that value, without repeating it; empty where it can."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "it is no text (UTF-8)"
    if not value:
        return "it is empty"
    if size > VALUE_LIMIT:
        return f"it has {size} bytes, and {VALUE_LIMIT >> 10} KiB is the limit"
    return "it holds a NUL character, which a variable cannot" if "\0" in value else ""


def check_value(name: str, value: str) -> None:
    """Raises UsageError."""
    if trouble := value_trouble(value):
        raise UsageError(f"The value for {name} cannot be used: {trouble}")


def shown_forms(value: str) -> tuple[str, ...]:
    """The texts to look for where the value must not be seen: as it is, line by line (logs are lines), and as repr,
    JSON and URLs write it."""
    lines = value.splitlines() if "\n" in value else []
    telling = min(_SHORTEST_LINE, max(map(len, lines), default=0))
    lines = [line for line in lines if len(line) >= telling]
    escaped = (repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    quoted = (quote(value), quote(value, safe=""), quote_plus(value))
    return tuple(dict.fromkeys(form for form in (value, *lines, *escaped, *quoted) if form))
