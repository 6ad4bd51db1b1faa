"""The credentials of a store, out of a file that only its owner may read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from pullet.domain.errors import ConfigError

_KNOWN = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
_LINE = re.compile(r"(?:export\s+)?([A-Z_]+)\s*=\s*(.*)")
_SIZE_LIMIT = 64 * 1024  # bytes


def read_credentials(path: Path) -> Mapping[str, str]:
    """The variables of lines such as AWS_ACCESS_KEY_ID=…; empty lines and # comments are skipped, quotes taken off.

    Raises ConfigError, never with a value in it, for a file that others may read or that has anything else in it: only
    known names get into the environment of a program that may run as root.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_SIZE_LIMIT)
    except OSError as err:
        raise ConfigError(
            f"The credentials file {path} of [backups] cannot be read",
            context=err.strerror or "",
            hint="Write the file, or take `credentials` out of settings.toml.",
        ) from err
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"Others may read the credentials in {path}", hint=f"chmod 600 {path}")
    lines = enumerate(data.decode("utf-8", "replace").splitlines(), start=1)
    return dict(
        _variable(path, number, line.strip()) for number, line in lines if line.strip() and line.strip()[0] != "#"
    )


def _variable(path: Path, number: int, line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None or match[1] not in _KNOWN or "\0" in line:
        raise ConfigError(
            f"{path}:{number}: not a credential that Pullet hands on",
            hint=f"Lines are NAME=VALUE, with a name of {', '.join(_KNOWN)}.",
        )
    value = match[2].strip()
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return match[1], value[1:-1] if quoted else value
