"""Programs of the box with which people look into data."""

from __future__ import annotations

import shutil

from pullet.domain.errors import NotFound

_PATH = "/usr/local/bin:/usr/bin:/bin"  # what a sandbox shows, whatever the daemon's own PATH is


def client(package: str, *names: str) -> str:
    """The first of these programs that there is. Raises NotFound that names Debian's package."""
    found = next((path for name in names if (path := shutil.which(name, path=_PATH))), None)
    if found is None:
        raise NotFound(f"{names[-1]} is not on this box", hint=f"Install Debian's {package}.")
    return found
