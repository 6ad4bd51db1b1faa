"""Log files: reading what a shim writes (`2026-01-01T00:00:00Z text`, rotated to `output.log.1`), writing step logs.

What an app or a build prints is hostile to a terminal: it may hold control sequences, NUL bytes, no line ends at all,
or no text. Everything that leaves this module is plain text, one bounded line at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from io import FileIO
from itertools import islice
from pathlib import Path
from types import TracebackType

from pullet.domain.errors import DiskFull, PulletError, RuntimeFailed

LINE_LIMIT = 16 << 10  # bytes of a line that are shown
STEP_LOG_LIMIT = 8 << 20  # bytes
_BLOCK = 64 << 10  # bytes read at once
_NOTE_ROOM = 100  # bytes for the line that says how much was dropped
_POLL = 0.1  # seconds between two looks at a followed file
_ESCAPES = re.compile(
    r"""
      \x1b\[ [0-?]* [ -/]* [@-~]                # CSI: colours, cursor movement (ECMA-48 section 5.4)
    | \x1b [P\]X^_] [^\x07\x1b]* (\x07|\x1b\\)?   # OSC, DCS and the like: titles, clipboard, links; up to their end
    | \x1b [ -/]* [0-~]?                        # any other escape sequence
    | \x9b [0-?]* [ -/]* [@-~]
    | [\x90\x98\x9d-\x9f] [^\x07\x1b\x9c]* (\x07|\x1b\\|\x9c)?
    """,
    re.VERBOSE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """`text` without anything that a terminal acts on: escape sequences, controls but the tab, reversed writing."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).encode("utf-8", "replace").decode()


def clean_line(head: bytes, length: int) -> str:
    """A line of `length` bytes that begins with `head`, as plain text; says how much is not shown."""
    if length <= LINE_LIMIT:
        return plain(head.rstrip(b"\r").decode("utf-8", "replace"))
    return f"{plain(head[:LINE_LIMIT].decode('utf-8', 'replace'))} … ({length - LINE_LIMIT} bytes more)"


def tail(path: Path, lines: int) -> Sequence[str]:
    """The last `lines` lines, going back into `<name>.1` where the file itself has fewer. Missing files are empty.

    Reads from the end, block by block: the cost depends on what is shown, not on the size of the file.
    """
    file = _open(path)
    if file is None:
        return _last(_older(path), lines)
    with file:
        return _last_of(file, file.seek(0, os.SEEK_END), path, lines)


async def follow(path: Path, lines: int = 0) -> AsyncIterator[str]:
    """The last `lines` lines, then each line as it is written; never ends by itself.

    Goes on with the new file when the log is rotated (what was written to the old one until then included), and from
    the start when it is truncated. A file that is not there yet is waited for.
    """
    with contextlib.closing(_Follower(path)) as follower:
        for line in follower.begin(lines):
            yield line
        while True:
            for line in follower.read():
                yield line
            await asyncio.sleep(_POLL)


class StepLog:
    """The log of one step: a LogSink that writes plain text to a file, and stops at `limit` bytes.

    From then on lines are counted; closing it says how much was dropped. Each line is written at once, so that a
    follower sees it and a kill loses none. A line that the disk has no room for is counted as dropped: it must not end
    the step. Raises DiskFull, RuntimeFailed where it cannot be begun.
    """

    def __init__(self, path: Path, limit: int = STEP_LOG_LIMIT) -> None:
        self._path = path
        self._room = limit - _NOTE_ROOM
        self._dropped_lines = 0
        self._dropped_bytes = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            self._room -= self._file.tell()  # a step that is done again goes on in its log
        except OSError as err:
            raise _trouble(path, err) from err

    def __call__(self, line: str, /) -> None:
        for part in line.split("\n"):
            # What was drawn over the same line again and again, such as a progress bar, is kept as it was at the end.
            raw = part.rstrip("\r").rpartition("\r")[2].encode("utf-8", "replace")
            self._write(clean_line(raw, len(raw)).encode() + b"\n")

    def close(self) -> None:
        if self._file.closed:
            return
        if self._dropped_lines:
            self._append(b"... %d lines (%d bytes) more were dropped\n" % (self._dropped_lines, self._dropped_bytes))
        self._file.close()

    def __enter__(self) -> StepLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        if self._dropped_lines or len(data) > self._room or not self._append(data):
            self._dropped_lines += 1
            self._dropped_bytes += len(data)
            return
        self._room -= len(data)

    def _append(self, data: bytes) -> bool:
        with contextlib.suppress(OSError):
            return self._file.write(data) == len(data)
        return False


class _Lines:
    """Bytes in, whole lines out; of a line without end only what will be shown is kept."""

    def __init__(self) -> None:
        self._head = b""
        self._length = 0

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._add(piece)
            yield self._take()
        self._add(rest)

    def end(self) -> Iterator[str]:
        """The file will not be written any more: what is left is a line too."""
        if self._length:
            yield self._take()

    def forget(self) -> None:
        self._head, self._length = b"", 0

    def _add(self, piece: bytes) -> None:
        self._head += piece[: LINE_LIMIT - len(self._head)]
        self._length += len(piece)

    def _take(self) -> str:
        line = clean_line(self._head, self._length)
        self.forget()
        return line


class _Follower:
    """Reads on from where it was, in whichever file that is by now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open(path)
        self._lines = _Lines()

    def begin(self, lines: int) -> Sequence[str]:
        """The last whole lines of what is there; `read` goes on right behind them."""
        if self._file is None:
            return _last(_older(self._path), lines)
        end = _end_of_lines(self._file)
        last = _last_of(self._file, end, self._path, lines)
        self._file.seek(end)
        return last

    def read(self) -> Iterator[str]:
        """What came since. A rotated file is read to its end before its successor is."""
        moved = self._moved()  # before reading: what is written between the two is read, not lost
        yield from self._drain()
        if moved:
            yield from self._lines.end()
            self.close()
            self._file = _open(self._path)
            yield from self._drain()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _drain(self) -> Iterator[str]:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._file.tell():  # truncated in place
            self._file.seek(0)
            self._lines.forget()
        while data := self._file.read(_BLOCK):
            yield from self._lines.feed(data)

    def _moved(self) -> bool:
        """Whether the path names another file by now, or one at last."""
        try:
            named = self._path.stat()
        except OSError:
            return False
        return self._file is None or not os.path.samestat(named, os.fstat(self._file.fileno()))


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _open(path: Path) -> FileIO | None:
    try:
        return FileIO(path)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise _trouble(path, err) from err


def _last(path: Path, lines: int) -> Sequence[str]:
    """The last lines of this very file."""
    file = _open(path)
    if file is None:
        return ()
    with file:
        end = file.seek(0, os.SEEK_END)
        return tuple(islice(_backwards(file, end), max(0, lines)))[::-1]


def _last_of(file: FileIO, end: int, path: Path, lines: int) -> Sequence[str]:
    """The last lines of the file's first `end` bytes, then of the one that was rotated away before it."""
    last = tuple(islice(_backwards(file, end), max(0, lines)))[::-1]
    return (*_last(_older(path), lines - len(last)), *last)


def _backwards(file: FileIO, end: int) -> Iterator[str]:
    """The lines of the first `end` bytes, the last first."""
    head, length = b"", 0
    at = end
    while at > 0:
        size = min(_BLOCK, at)
        at -= size
        first, *others = _block(file, at, size, is_last=at + size == end).split(b"\n")
        for piece in reversed(others):
            yield clean_line((piece + head)[:LINE_LIMIT], len(piece) + length)
            head, length = b"", 0
        head, length = (first + head)[:LINE_LIMIT], len(first) + length
    if end > 0:
        yield clean_line(head, length)


def _block(file: FileIO, at: int, size: int, *, is_last: bool) -> bytes:
    """The newline at the very end begins no further line."""
    file.seek(at)
    data = file.read(size)
    return data.removesuffix(b"\n") if is_last else data


def _end_of_lines(file: FileIO) -> int:
    """How many bytes of the file are whole lines: the position behind its last newline."""
    at = file.seek(0, os.SEEK_END)
    while at > 0:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        found = file.read(size).rfind(b"\n")
        if found >= 0:
            return at + found + 1
    return 0


def _trouble(path: Path, err: OSError) -> PulletError:
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"The disk is full: {path} could not be written", context=str(err), hint="Free some space.")
    return RuntimeFailed(f"The log {path} cannot be used", context=str(err), hint="See who owns it and its folder.")
