"""Runs a command attached to somebody's terminal or pipes, whom the daemon only relays for.

With a terminal the command gets a pseudo-terminal of its own (`CONTROLLING` makes it the controlling one, inside the
sandbox: Ctrl-C interrupts the command and not what confines it). It can push input into that (TIOCSTI) and into nothing
else, since what reaches the person's own terminal is relayed bytes.

What they type waits here until the command takes it, `CREDIT` bytes at most: so whatever else they say (a signal,
another size, that they are gone) is always heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable, Coroutine
from typing import Any

from pullet.domain.command import Command
from pullet.domain.errors import RuntimeFailed
from pullet.domain.frames import CREDIT, Frame, Kind, decode_size
from pullet.drivers.process import end_group, open_process
from pullet.drivers.runtime.proc import app_pid, signal_quietly
from pullet.ports import Terminal

CONTROLLING = ("/usr/bin/setsid", "--ctty")
"""Before the words of a command that runs in a terminal. It is no group leader, so it becomes the command itself."""
_CHUNK = 1 << 16
_CTRL_D = b"\x04"  # how the end of input is said to a terminal
_TIMED_OUT = 124  # as timeout(1) says it
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP})


async def run_attached(command: Command, terminal: Terminal, *, timeout: float | None = None) -> int:
    """The exit code, 128+n for a signal, 124 where the time was up. When the terminal goes away all of it is ended.

    Raises RuntimeFailed where the program cannot be started.
    """
    attach = _with_terminal if terminal.size else _with_pipes
    try:
        async with asyncio.timeout(timeout):
            return await attach(command, terminal)
    except TimeoutError:
        words = f"pullet: ended: it took longer than {timeout:g} s\r\n".encode()
        await terminal.send(Frame(Kind.ERROR_OUTPUT, words))
        return _TIMED_OUT


async def _with_pipes(command: Command, terminal: Terminal) -> int:
    process = await open_process(command, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stdin = process.stdin

    async def type_(data: bytes) -> None:
        with contextlib.suppress(OSError):  # it reads no more
            stdin.write(data)
            await stdin.drain()

    async def tell(frame: Frame) -> None:
        if frame.kind is Kind.SIGNAL and frame.content and frame.content[0] in _SIGNALS:
            signal_quietly(app_pid(process.pid) or process.pid, frame.content[0])

    return await _Attached(process, terminal, type_, tell, end=stdin.close).until_over(
        _relay(process.stdout, Kind.OUTPUT, terminal), _relay(process.stderr, Kind.ERROR_OUTPUT, terminal)
    )


async def _with_terminal(command: Command, terminal: Terminal) -> int:
    assert terminal.size is not None
    master, slave = os.openpty()
    try:
        _resize(master, *terminal.size)
        process = await open_process(command, stdin=slave, output=slave)
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    os.set_blocking(master, False)
    reader = asyncio.StreamReader(limit=_CHUNK)
    output, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(master), "rb", 0)
    )

    async def type_(data: bytes) -> None:
        await _write(master, data or _CTRL_D)

    async def tell(frame: Frame) -> None:
        if frame.kind is Kind.SIZE:
            _resize(master, *decode_size(frame.content))

    try:
        attached = _Attached(process, terminal, type_, tell)
        return await attached.until_over(_relay(reader, Kind.OUTPUT, terminal))
    finally:
        output.close()
        os.close(master)


class _Attached:
    """Both directions of one attached command."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        terminal: Terminal,
        type_: Callable[[bytes], Coroutine[Any, Any, None]],
        tell: Callable[[Frame], Coroutine[Any, Any, None]],
        end: Callable[[], None] | None = None,
    ) -> None:
        """`type_` gives the command input, as fast as it takes it; empty is its end, or `end` is where that is another
        thing. `tell` is for everything else that they say."""
        self._process = process
        self._terminal = terminal
        self._type = type_
        self._tell = tell
        self._end = end
        self._typed: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting = 0

    async def until_over(self, *outputs: Coroutine[Any, Any, None]) -> int:
        """Until the command has ended and all that it wrote is told, or they are gone."""
        listening = asyncio.create_task(self._listen(), name="attached:listen")
        typing = asyncio.create_task(self._pass_typed(), name="attached:type")
        told = [asyncio.create_task(output, name="attached:output") for output in outputs]
        ended = asyncio.create_task(self._process.wait(), name="attached:process")
        try:
            await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
            await end_group(self._process)  # also what it left in the background, which may hold its output open
            everything = asyncio.create_task(asyncio.wait(told), name="attached:told")
            await asyncio.wait({listening, everything}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            await end_group(self._process)
            await _cancelled(listening, typing, ended, *told)
        code = self._process.returncode or 0
        return 128 - code if code < 0 else code

    async def _listen(self) -> None:
        """Returns when they are gone, or said more than they may."""
        async for frame in self._terminal.frames():
            if frame.kind is Kind.INPUT:
                self._waiting += len(frame.content)
                if self._waiting > CREDIT:
                    return
                if frame.content:
                    self._typed.put_nowait(frame.content)
            elif frame.kind is Kind.END_OF_INPUT:
                self._typed.put_nowait(b"")
            else:
                await self._tell(frame)

    async def _pass_typed(self) -> None:
        while True:
            data = await self._typed.get()
            if not data and self._end is not None:
                self._end()
                continue
            await self._type(data)
            self._waiting -= len(data)
            await self._terminal.send(Frame(Kind.TAKEN, str(len(data)).encode()))


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _write(descriptor: int, data: bytes) -> None:
    """A program that reads nothing makes its terminal's buffer full: what is typed then waits."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            await asyncio.sleep(0.01)
        except OSError:
            return  # nobody holds the other end any more


async def _relay(reader: asyncio.StreamReader, kind: Kind, terminal: Terminal) -> None:
    with contextlib.suppress(OSError):  # EIO: the last process has closed the terminal
        while chunk := await reader.read(_CHUNK):
            await terminal.send(Frame(kind, chunk))


def _resize(master: int, rows: int, columns: int) -> None:
    """Raises RuntimeFailed for a size that no terminal has."""
    try:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    except (OSError, struct.error) as err:
        raise RuntimeFailed(f"No terminal has {rows} rows and {columns} columns", context=str(err)) from err
