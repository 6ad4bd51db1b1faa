"""The only place that starts processes.

A command is a `Command` value; it runs in a session of its own, with a time limit, with its output capped and its exit
code judged. When the caller is cancelled or the time is up, the whole process group is ended and waited for before
anything else happens, so nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pullet.domain.command import Command, Completed
from pullet.domain.errors import CommandFailed, DiskFull, RuntimeFailed
from pullet.drivers.runtime.output import Lines

_TERM_GRACE = 2.0  # seconds between SIGTERM and SIGKILL for a command that is cancelled or late
_CHUNK = 1 << 16


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with every secret replaced by ***. Longest first: one secret may contain another."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class _Capture:
    """Collects a stream up to a limit; hands whole lines to a sink as they come."""

    def __init__(self, limit: int, sink: Callable[[str], None] | None, secrets: tuple[str, ...]) -> None:
        self.kept = bytearray()
        self.dropped = 0
        self._limit = limit
        self._sink = sink
        self._secrets = secrets
        self._lines = Lines(_CHUNK, [secret.encode() for secret in sorted(secrets, key=len, reverse=True) if secret])

    def feed(self, chunk: bytes) -> None:
        room = max(0, self._limit - len(self.kept))
        self.kept += chunk[:room]
        self.dropped += max(0, len(chunk) - room)
        if self._sink is not None:
            self._emit(self._lines.feed(chunk))

    def close(self) -> None:
        if self._sink is not None:
            self._emit(self._lines.end())

    def _emit(self, lines: list[bytes]) -> None:
        assert self._sink is not None
        for line in lines:
            self._sink(redact(line.decode("utf-8", "replace").rstrip("\r"), self._secrets))


class ProcessRunner:
    """Runs commands; the one dependency of every driver that needs a program."""

    async def run(self, command: Command, *, log: Callable[[str], None] | None = None) -> Completed:
        """Run to the end and judge the exit code.

        `log` sees every line of both streams, redacted, as it comes. Raises CommandFailed for an exit code outside
        `command.ok` or a time-out, RuntimeFailed where the program cannot be started at all.
        """
        process = await self._spawn(command)
        out = _Capture(command.output_limit, log, command.secrets)
        err = _Capture(command.output_limit, log, command.secrets)
        started = time.monotonic()
        timed_out = False
        try:
            async with asyncio.timeout(command.timeout):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_feed(process, command.stdin), name=f"stdin:{command.argv[0]}")
                    tasks.create_task(_drain(process.stdout, out), name=f"stdout:{command.argv[0]}")
                    tasks.create_task(_drain(process.stderr, err), name=f"stderr:{command.argv[0]}")
                await process.wait()
        except TimeoutError:
            timed_out = True
        finally:
            await end_group(process)
            out.close()
            err.close()
        completed = Completed(
            exit_code=process.returncode if process.returncode is not None else -1,
            stdout=bytes(out.kept),
            stderr=bytes(err.kept),
            duration=time.monotonic() - started,
            truncated=out.dropped + err.dropped,
        )
        if timed_out or completed.exit_code not in command.ok:
            raise _failure(command, completed, timed_out)
        return completed

    async def _spawn(self, command: Command) -> asyncio.subprocess.Process:
        stdin = asyncio.subprocess.PIPE if command.stdin else asyncio.subprocess.DEVNULL
        pipe = asyncio.subprocess.PIPE
        return await open_process(command, stdin=stdin, stdout=pipe, stderr=pipe)


async def open_process(
    command: Command, *, stdin: int, stdout: int, stderr: int, limit: int = _CHUNK
) -> asyncio.subprocess.Process:
    """Start a command, in a session of its own, whose streams the caller looks after and which it ends by `end_group`.

    The streams are descriptors, or asyncio's PIPE and DEVNULL; `limit`: bytes of a line that can be read at once.
    Raises RuntimeFailed.
    """
    try:
        return await asyncio.create_subprocess_exec(
            *command.argv,
            cwd=command.cwd,
            env=dict(command.environment),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            limit=limit,
        )
    except (OSError, ValueError) as err:
        raise RuntimeFailed(
            f"Could not start {command.argv[0]}",
            context=str(err),
            hint="Run `pullet doctor` to see what is missing.",
        ) from err


def start_detached(argv: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program that outlives this one, in a session of its own, its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _drain(stream: asyncio.StreamReader | None, capture: _Capture) -> None:
    assert stream is not None
    while chunk := await stream.read(_CHUNK):
        capture.feed(chunk)


async def end_group(process: asyncio.subprocess.Process, grace: float = _TERM_GRACE) -> None:
    """End what is left of the group: SIGTERM, `grace` seconds, SIGKILL; survive a cancellation on the way."""
    try:
        if process.returncode is None and grace:
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
    finally:
        _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    # The group outlives its leader while grandchildren run; once it is empty there is nothing to signal.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _failure(command: Command, completed: Completed, timed_out: bool) -> CommandFailed | DiskFull:
    output = redact((completed.stderr + completed.stdout).decode("utf-8", "replace"), command.secrets).strip()
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return DiskFull(
            f"The disk is full: {command.argv[0]} could not write",
            context=last_lines(output, 5),
            hint="Free some space; `pullet doctor` shows what Pullet itself uses. Nothing that was live has changed.",
        )
    argv = tuple(redact(argument, command.secrets) for argument in command.argv)
    return CommandFailed(argv, completed.exit_code, output, timed_out=timed_out)


def last_lines(text: str, count: int = 20) -> str:
    """The last `count` lines: what a reader of an error wants to see first."""
    return "\n".join(text.splitlines()[-count:])
