"""Memory and process limits for a whole tree of processes, by control groups.

v2 at the root (or where systemd delegates a subtree, see systemd.py), v1 as root, else nothing: then limits hold for
each process alone (prlimit), and `pullet doctor` says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PARENT = "pullet"
PROCESSES = 4096
"""Processes and threads of one tree: room for any app, none for a fork bomb."""


@dataclass(frozen=True)
class ControlGroups:
    version: int
    """2, 1, or 0 for none."""
    controllers: tuple[str, ...] = ()

    def make(self, identity: str, memory: int | None, processes: int = PROCESSES) -> list[str]:
        """Folders that a process joins to be limited: one for all controllers in v2, one for each in v1.

        `memory` is in bytes, without swap beyond it. An empty list: no limits on this box.
        """
        return self.make_named(hashlib.sha256(identity.encode()).hexdigest()[:20], memory, processes)

    def make_named(self, name: str, memory: int | None, processes: int = PROCESSES) -> list[str]:
        """As `make`, under a name that is safe as one of a folder."""
        made: list[str] = []
        for base in self._bases():
            folder = base / _PARENT / name
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                _limit(folder, memory, processes)
                made.append(str(folder))
        return made

    def folders(self) -> list[Path]:
        """Every group of Pullet's there is, of this daemon or of another on the box."""
        found = (base / _PARENT for base in self._bases())
        return [folder for parent in found if parent.is_dir() for folder in parent.iterdir() if folder.is_dir()]

    def _bases(self) -> list[Path]:
        return [_ROOT] if self.version == 2 else [_ROOT / controller for controller in self.controllers]


def members(folders: Iterable[str]) -> list[int]:
    """Processes in any of the groups."""
    found: list[int] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += [int(line) for line in (Path(folder) / "cgroup.procs").read_text().split()]
    return found


def detect() -> ControlGroups:
    """What this box allows Pullet: found by trying."""
    if os.geteuid() != 0:
        return ControlGroups(0)
    if (_ROOT / "cgroup.controllers").exists():
        return ControlGroups(2, ("memory", "pids")) if _enable_v2() else ControlGroups(0)
    found = tuple(name for name in ("memory", "pids") if _can_make(_ROOT / name))
    return ControlGroups(1, found) if found else ControlGroups(0)


def _enable_v2() -> bool:
    """The root group may hold processes and still hand controllers down, cgroups(7)."""
    try:
        (_ROOT / _PARENT).mkdir(exist_ok=True)
        for folder in (_ROOT, _ROOT / _PARENT):
            (folder / "cgroup.subtree_control").write_text("+memory +pids")
    except OSError:
        return False
    return True


def _can_make(controller: Path) -> bool:
    if not (controller / "cgroup.procs").exists():
        return False
    with contextlib.suppress(OSError):
        (controller / _PARENT).mkdir(exist_ok=True)
        return True
    return False


def _limit(folder: Path, memory: int | None, processes: int) -> None:
    text = str(memory) if memory is not None else None
    wanted = {
        "pids.max": str(processes),
        "memory.max": text or "max",
        "memory.swap.max": "0" if text else "max",
        "memory.limit_in_bytes": text or "-1",
        "memory.memsw.limit_in_bytes": text or "-1",
    }
    for name, value in wanted.items():
        if (folder / name).exists():
            with contextlib.suppress(OSError):
                (folder / name).write_text(value)
