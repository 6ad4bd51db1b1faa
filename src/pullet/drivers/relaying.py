"""Bytes between the streams of a command and a `Terminal`, as fast as the slower one: none pile up without bound."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from io import FileIO

from pullet.domain.errors import MalformedData
from pullet.domain.frames import CREDIT, Frame, Kind
from pullet.ports import Terminal

_CHUNK = 1 << 16
_CTRL_D = b"\x04"  # how the end of input is said to a terminal


class Output:
    """What the command writes to one stream."""

    def __init__(self, stream: FileIO, kind: Kind, terminal: Terminal) -> None:
        """`stream` is non-blocking."""
        self._stream = stream
        self._kind = kind
        self._terminal = terminal
        self.telling = False
        """Whether the other side has yet to take something."""

    async def run(self) -> None:
        while data := await self._read():
            self.telling = True
            await self._terminal.send(Frame(self._kind, data))
            self.telling = False

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # EIO: nobody holds the other end of the terminal any more
            while (data := self._stream.read(_CHUNK)) is None:
                await _until_ready(self._stream, loop.add_reader, loop.remove_reader)
            return data
        return b""


class Input:
    """What was typed and waits for the command to read it. What it has read is told, so that more may be typed."""

    def __init__(self, stream: FileIO, terminal: Terminal) -> None:
        """`stream` is non-blocking; it is closed at the end of the input, unless it is a terminal."""
        self._stream = stream
        self._terminal = terminal
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._count = 0

    def take(self, data: bytes) -> None:
        """Raises MalformedData where more comes than was allowed."""
        self._count += len(data)
        if self._count > CREDIT:
            raise MalformedData("More input came than there was room for")
        if data:
            self._waiting.put_nowait(data)

    def end(self) -> None:
        self._waiting.put_nowait(b"")

    async def run(self) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more: then no more is asked for
            while data := await self._waiting.get():
                await self._write(data)
                self._count -= len(data)
                await self._terminal.send(Frame(Kind.TAKEN, str(len(data)).encode()))
            if self._terminal.size:
                await self._write(_CTRL_D)
        if not self._terminal.size:
            self._stream.close()

    async def _write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        while data:
            if written := self._stream.write(data):
                data = data[written:]
            else:
                await _until_ready(self._stream, loop.add_writer, loop.remove_writer)


async def _until_ready(
    stream: FileIO, add: Callable[[FileIO, Callable[[], None]], None], remove: Callable[[FileIO], bool]
) -> None:
    ready = asyncio.Event()
    add(stream, ready.set)
    try:
        await ready.wait()
    finally:
        remove(stream)
