"""Runs a command attached to somebody's terminal or pipes, between whom and the command the daemon only relays.

With a terminal the command gets a pseudo-terminal of its own, which `runtime.session` makes the controlling one inside
the sandbox. It can push input into that (TIOCSTI) and into nothing else, since what reaches the person's own terminal
is relayed bytes: so it needs no `bwrap --new-session`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO

from pullet.domain.command import Command
from pullet.domain.errors import MalformedData, RuntimeFailed
from pullet.domain.frames import Frame, Kind, decode_signal, decode_size
from pullet.drivers.process import end_group, open_process
from pullet.drivers.relaying import Input, Output
from pullet.drivers.runtime.proc import app_pid
from pullet.ports import Terminal

_TIMED_OUT = 124  # as timeout(1) says it
_GRACE = 2.0  # seconds between the word that the terminal is gone and the end by force
_LINGER = 2.0  # seconds that a stream may stay open in silence after the command has ended


@dataclass(frozen=True)
class _Streams:
    """Our ends, and the descriptors that the command has as 0, 1 and 2."""

    input: FileIO
    outputs: tuple[tuple[FileIO, Kind], ...]
    theirs: tuple[int, int, int]


async def run_attached(
    command: Command, terminal: Terminal, *, owner: int | None = None, timeout: float | None = None
) -> int:
    """The exit code: 128+n for a signal, 124 where the time is up. When the terminal goes away the whole tree is ended.

    `owner` is the uid that the command runs as; it may open its own streams anew (/dev/stdin). Raises RuntimeFailed
    where the program cannot be started, MalformedData where what comes is no frame.
    """
    with _streams(terminal.size, owner) as streams:
        process = await _start(command, streams)
        try:
            async with asyncio.timeout(timeout):
                return await _Attached(process, terminal, streams).run()
        except TimeoutError:
            said = f"pullet: ended: it took longer than {timeout:g} s\r\n"
            await terminal.send(Frame(Kind.ERROR_OUTPUT, said.encode()))
            return _TIMED_OUT


class _Attached:
    def __init__(self, process: asyncio.subprocess.Process, terminal: Terminal, streams: _Streams) -> None:
        self._process = process
        self._terminal = terminal
        self._master = streams.input
        self._input = Input(streams.input, terminal)
        self._outputs = [Output(stream, kind, terminal) for stream, kind in streams.outputs]

    async def run(self) -> int:
        """Relay both ways until the command has ended and all that it wrote is told, or the other side is gone."""
        listening = asyncio.create_task(self._listen(), name="attached:frames")
        typing = asyncio.create_task(self._input.run(), name="attached:input")
        telling = {asyncio.create_task(output.run(), name="attached:output") for output in self._outputs}
        ended = asyncio.create_task(self._process.wait(), name="attached:process")
        try:
            await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
            await self._end()
            await self._told(telling, listening)
            if listening.done():
                listening.result()  # raises where what came was no frame
        finally:
            await self._end()
            tasks = {listening, typing, ended, *telling}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in (typing, *telling):
            if not task.cancelled():
                task.result()  # a bug
        code = self._process.returncode
        assert code is not None
        return 128 - code if code < 0 else code

    async def _listen(self) -> None:
        """Until they are gone. A signal does not wait for the program to read what was typed before."""
        async for frame in self._terminal.frames():
            match frame.kind:
                case Kind.INPUT:
                    self._input.take(frame.content)
                case Kind.END_OF_INPUT:
                    self._input.end()
                case Kind.SIZE if self._terminal.size:
                    _resize(self._master, *decode_size(frame.content))
                case Kind.SIGNAL:
                    self._signal(decode_signal(frame.content))

    async def _told(self, telling: set[asyncio.Task[None]], listening: asyncio.Task[None]) -> None:
        """However slowly they read. What has left the tree and keeps a stream open in silence is not waited for."""
        while (left := {task for task in telling if not task.done()}) and not listening.done():
            done, _ = await asyncio.wait({*left, listening}, timeout=_LINGER, return_when=asyncio.FIRST_COMPLETED)
            if not done and not any(output.telling for output in self._outputs):
                return

    def _signal(self, number: int) -> None:
        """To the program and what it started, not to the sandbox around it, which would take them all down; to that
        only while it has not started the program yet."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(os.getpgid(app_pid(self._process.pid) or self._process.pid), number)

    async def _end(self) -> None:
        try:
            if self._process.returncode is None:
                self._signal(signal.SIGHUP if self._terminal.size else signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_GRACE):
                        await self._process.wait()
        finally:
            await end_group(self._process)


async def _start(command: Command, streams: _Streams) -> asyncio.subprocess.Process:
    stdin, stdout, stderr = streams.theirs
    try:
        return await open_process(command, stdin=stdin, stdout=stdout, stderr=stderr)
    finally:
        for descriptor in {*streams.theirs}:  # held by the command alone: only then does its output end
            os.close(descriptor)


@contextlib.contextmanager
def _streams(size: tuple[int, int] | None, owner: int | None) -> Iterator[_Streams]:
    """Ours are closed in the end; theirs are for `_start` to close."""
    made = _pipes() if size is None else _pseudo_terminal(size)
    ours = (made.input, *(stream for stream, _ in made.outputs))
    try:
        for stream in ours:
            os.set_blocking(stream.fileno(), False)
        for descriptor in made.theirs:
            with contextlib.suppress(OSError):  # where the box knows no such user: it only cannot open them anew
                os.fchown(descriptor, -1 if owner is None else owner, -1)
        yield made
    finally:
        for stream in ours:
            stream.close()


def _pipes() -> _Streams:
    (stdin, typed), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
    outputs = ((FileIO(out), Kind.OUTPUT), (FileIO(err), Kind.ERROR_OUTPUT))
    return _Streams(FileIO(typed, "w"), outputs, (stdin, stdout, stderr))


def _pseudo_terminal(size: tuple[int, int]) -> _Streams:
    try:
        master, slave = os.openpty()
    except OSError as err:
        raise RuntimeFailed(
            "This box has no pseudo-terminal left", context=str(err), hint="`pullet run … | cat` needs none."
        ) from err
    stream = FileIO(master, "r+")
    _resize(stream, *size)
    return _Streams(stream, ((stream, Kind.OUTPUT),), (slave, slave, slave))


def _resize(master: FileIO, rows: int, columns: int) -> None:
    """Raises MalformedData for a size that no terminal has."""
    try:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    except struct.error as err:
        raise MalformedData(f"No terminal has {rows} rows and {columns} columns", context=str(err)) from err
