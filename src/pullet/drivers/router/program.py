"""Which Caddy to run."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, RouterError, RuntimeFailed
from pullet.drivers.process import ProcessRunner

_OLDEST = (2, 10)


async def find_caddy(given: Path | None = None) -> tuple[Path, str]:
    """(program, version): the one given, the one beside this Python (its wheel puts it there), else one on PATH.

    Raises RouterError where there is none, or it is older than 2.10.
    """
    beside = Path(sys.executable).parent / "caddy"
    on_path = shutil.which("caddy")
    candidates = [given, beside if os.access(beside, os.X_OK) else None, Path(on_path) if on_path else None]
    caddy = next((candidate for candidate in candidates if candidate is not None), None)
    if caddy is None:
        raise RouterError("Caddy is missing", hint="Install Pullet's dependencies again: they bring it.")
    version = await _version(caddy)
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise RouterError(f"{caddy} is Caddy {version}", hint="Pullet needs 2.10 or newer.")
    return caddy, version


async def _version(caddy: Path) -> str:
    # An empty environment but for HOME: Caddy looks for its folders even to print a version.
    command = Command((str(caddy), "version"), environment={"HOME": "/nonexistent", "PATH": os.defpath}, timeout=20)
    try:
        printed = (await ProcessRunner().run(command)).text
    except (CommandFailed, RuntimeFailed) as err:
        raise RouterError(f"{caddy} does not run", context=err.context, hint="Install it again.") from err
    found = re.match(r"v?(\d+\.\d+\.\d+)", printed)
    if found is None:
        raise RouterError(f"{caddy} does not tell its version", context=printed[:200], hint="Pullet needs Caddy 2.10.")
    return found[1]
