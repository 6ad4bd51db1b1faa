"""Where PID 1 is systemd, a shim runs as a transient unit: `systemctl list-units 'pullet-*'` shows it, and stopping the
daemon's own unit does not end it.

On a box without systemd only the command can be checked (tests/unit/test_systemd.py); `pullet doctor` says which way
is in use.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from pullet.domain.command import Command
from pullet.drivers.runtime import shim
from pullet.drivers.supervision import Supervised


def present() -> bool:
    """sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def unit_name(folder: Path) -> str:
    """Readable and unique: two homes may hold an equally named instance."""
    return f"pullet-{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:10]}"


def transient_unit(supervised: Supervised) -> Command:
    """The shim in a unit of its own. `mixed`: SIGTERM to the shim only, which tells the app; SIGKILL to the rest."""
    properties = ["Delegate=yes", "KillMode=mixed", "TimeoutStopSec=infinity", "OOMPolicy=continue"]
    if supervised.memory is not None:
        properties += [f"MemoryMax={supervised.memory}", "MemorySwapMax=0"]
    scope = () if os.geteuid() == 0 else ("--user",)
    return Command(
        argv=(
            "systemd-run",
            *scope,
            "--quiet",
            "--collect",
            f"--unit={unit_name(supervised.folder)}",
            *(f"--property={each}" for each in properties),
            "--",
            *_shim("--foreground", str(supervised.folder)),
        ),
        environment={"PATH": os.defpath, **_session()},
        timeout=15,
    )


def plain(supervised: Supervised) -> Command:
    """The shim as a process in a session of its own, for a box without systemd."""
    return Command(argv=_shim(str(supervised.folder)), environment={"PATH": os.defpath}, timeout=15)


def _shim(*arguments: str) -> tuple[str, ...]:
    """Isolated and without site: nothing that an app or a user configures reaches the shim."""
    root = str(Path(shim.__file__).parents[3])
    code = f"import sys; sys.path.insert(0, {root!r}); from pullet.drivers.runtime.shim import run; run()"
    return (sys.executable, "-I", "-S", "-c", code, *arguments)


def _session() -> dict[str, str]:
    """How systemd-run finds an ordinary user's manager."""
    names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
    return {name: os.environ[name] for name in names if name in os.environ}
