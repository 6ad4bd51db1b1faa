"""Counts from the router's access log, read as it grows."""

from __future__ import annotations

import json
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_TENTHS = 10  # buckets a second
_KEPT = 3600.0  # seconds of history
_CATCH_UP = 4 << 20  # bytes read of what was written before we first looked
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 17  # Caddy writes at most a URI (which its header limit bounds) and little more


@dataclass
class Tail:
    """The complete lines of a log that grows, and is rotated by renaming it. Never waits, never reads a line twice."""

    path: Path
    _file: int | None = None
    _partial: bytes = b""
    _oversized: bool = False

    def lines(self) -> Iterator[bytes]:
        """Lines that became complete since the last call."""
        if self._file is None and not self._open(catch_up=True):
            return
        while True:
            yield from self._rest()
            if not self._rotated() or not self._open(catch_up=False):
                return

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, *, catch_up: bool) -> bool:
        try:
            opened = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False  # between rename and creation: the next call finds it
        self.close()
        self._file, self._partial, self._oversized = opened, b"", False
        if catch_up and (size := os.fstat(opened).st_size) > _CATCH_UP:
            os.lseek(opened, size - _CATCH_UP, os.SEEK_SET)
            self._oversized = True  # we stand within a line
        return True

    def _rest(self) -> Iterator[bytes]:
        assert self._file is not None
        if os.fstat(self._file).st_size < os.lseek(self._file, 0, os.SEEK_CUR):  # truncated in place
            os.lseek(self._file, 0, os.SEEK_SET)
            self._partial, self._oversized = b"", False
        while chunk := os.read(self._file, _CHUNK):
            *whole, self._partial = (self._partial + chunk).split(b"\n")
            for line in whole:
                if not self._oversized:
                    yield line
                self._oversized = False
            if len(self._partial) > _LONGEST_LINE:
                self._partial, self._oversized = b"", True

    def _rotated(self) -> bool:
        assert self._file is not None
        try:
            now = self.path.stat()
        except OSError:
            return False
        held = os.fstat(self._file)
        return (now.st_dev, now.st_ino) != (held.st_dev, held.st_ino)


@dataclass
class AccessCounts:
    """Requests and 5xx answers per host in tenths of a second, for the last hour, and for routed hosts only: strangers
    invent host names without end."""

    log: Path
    is_routed: Callable[[str], bool]
    _tail: Tail = field(init=False)
    _counts: dict[str, deque[list[int]]] = field(default_factory=lambda: defaultdict(deque))

    def __post_init__(self) -> None:
        self._tail = Tail(self.log)

    def since(self, host: str, moment: float) -> tuple[int, int]:
        """(requests, 5xx answers) that ended at `moment` or later (seconds since the epoch; to a tenth)."""
        self._refresh()
        first = int(moment * _TENTHS)
        wanted = [bucket for bucket in self._counts.get(host, ()) if bucket[0] >= first]
        return sum(bucket[1] for bucket in wanted), sum(bucket[2] for bucket in wanted)

    def _refresh(self) -> None:
        for line in self._tail.lines():
            entry = parse(line)
            if entry is not None and (entry[0] in self._counts or self.is_routed(entry[0])):
                self._add(*entry)

    def _add(self, host: str, ended: float, status: int) -> None:
        buckets = self._counts[host]
        tenth = int(ended * _TENTHS)
        if not buckets or buckets[-1][0] < tenth:
            buckets.append([tenth, 0, 0])
        newest = buckets[-1]  # a clock that jumped back counts in the newest bucket
        newest[1] += 1
        newest[2] += status >= 500
        while buckets[0][0] < newest[0] - _KEPT * _TENTHS:
            buckets.popleft()


def parse(line: bytes) -> tuple[str, float, int] | None:
    """(host as routes spell it, end in seconds since the epoch, status) of one line; None for anything else."""
    try:
        entry = json.loads(line)
        host = str(entry["request"]["host"]).lower()
        return _without_port(host).removesuffix("."), float(entry["ts"]), int(entry["status"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
