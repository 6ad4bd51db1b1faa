"""Log files: what a shim wrote of an app, what the daemon wrote of a step.

A line is text without control characters, whatever a hostile program printed; a file is bounded.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

STEP_LOG_LIMIT = 8 << 20  # bytes
_LONGEST_LINE = 16_384  # bytes
_PAUSE = 0.2  # seconds between two looks at a file that is followed
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(line: str) -> str:
    """Without anything that could drive a terminal."""
    return _ESCAPES.sub("", line)


class StepLog:
    """Where the output of one step goes, line by line; a context manager. Over the limit it counts and drops."""

    def __init__(self, path: Path, limit: int = STEP_LOG_LIMIT) -> None:
        self._path = path
        self._room = limit
        self._dropped = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> StepLog:
        return self

    def __call__(self, line: str, /) -> None:
        data = plain(line).encode("utf-8", "replace")[:_LONGEST_LINE] + b"\n"
        if len(data) > self._room:
            self._dropped += 1
            return
        self._room -= len(data)
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        self._file.write(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        if self._dropped:
            self._file.write(f"({self._dropped} more lines were dropped)\n".encode())
        self._file.close()


def tail(path: Path, count: int) -> list[str]:
    """The last `count` lines, from the rotated file too where the present one has fewer; none where there is no file."""
    lines: deque[str] = deque(maxlen=count)
    for part in (path.with_name(path.name + ".1"), path):
        lines.extend(_lines(part))
    return list(lines)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            for line in file:
                yield plain(line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r\n"))
    except FileNotFoundError:
        return


async def follow(path: Path) -> AsyncIterator[str]:
    """Lines that are written from now on, across rotation and truncation, until the reader goes."""
    position, inode = _end_of(path)
    partial = b""
    while True:
        chunk, position, inode, began_anew = _read_on(path, position, inode)
        *lines, partial = ((b"" if began_anew else partial) + chunk).split(b"\n")
        for line in lines:
            yield plain(line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))
        partial = partial[-_LONGEST_LINE:]
        if not chunk:
            await asyncio.sleep(_PAUSE)


def _end_of(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except FileNotFoundError:
        return 0, 0
    return state.st_size, state.st_ino


def _read_on(path: Path, position: int, inode: int) -> tuple[bytes, int, int, bool]:
    """(what is new, next position, inode, whether the file is another than before)."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            anew = state.st_ino != inode or state.st_size < position
            file.seek(0 if anew else position)
            chunk = file.read(1 << 16)
            return chunk, file.tell(), state.st_ino, anew
    except FileNotFoundError:
        return b"", 0, 0, True
