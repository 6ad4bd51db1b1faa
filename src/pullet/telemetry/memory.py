"""What processes hold, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Families:
    """Who descends from whom, as of one look at /proc. Not every kernel lists a process's children."""

    def __init__(self) -> None:
        children: dict[int, list[int]] = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and (parent := _parent(int(entry.name))) is not None:
                children.setdefault(parent, []).append(int(entry.name))
        self._children: Mapping[int, list[int]] = children

    def resident(self, pid: int | None) -> int:
        """Bytes resident of the process and its descendants; 0 where it is gone. Shared pages count for each."""
        return sum(_resident_alone(member) for member in self._members(pid)) if pid else 0

    def _members(self, pid: int) -> Iterator[int]:
        waiting, seen = [pid], set[int]()
        while waiting:
            member = waiting.pop()
            if member not in seen:  # pids that were used anew while we looked could make a ring
                seen.add(member)
                waiting.extend(self._children.get(member, ()))
                yield member


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _resident_alone(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
