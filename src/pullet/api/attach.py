"""A unix socket beside the API, for commands that somebody looks at: frames both ways. For root and the owner."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from pullet.domain.codec import loads
from pullet.domain.errors import MalformedData, PulletError
from pullet.domain.frames import AttachRequest, Decoder, Frame, Kind
from pullet.operations.control import Control
from pullet.operations.run import attach

_CHUNK = 1 << 16
_PEER = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_REQUEST_LIMIT = 10.0  # seconds until the request has come


class Remote:
    """The command line at the other end of a connection: a `Terminal`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.size: tuple[int, int] | None = None
        self._reader = reader
        self._writer = writer
        self._incoming = self._decoded()

    async def request(self) -> AttachRequest:
        """Raises MalformedData, TimeoutError."""
        async with asyncio.timeout(_REQUEST_LIMIT):
            async for frame in self._incoming:
                if frame.kind is not Kind.REQUEST:
                    break
                request = loads(AttachRequest, frame.content)
                self.size = request.terminal
                return request
        raise MalformedData("An attached command begins with its request")

    def frames(self) -> AsyncIterator[Frame]:
        return self._incoming

    async def send(self, frame: Frame) -> None:
        with contextlib.suppress(OSError):
            self._writer.write(frame.encode())
            await self._writer.drain()

    async def _decoded(self) -> AsyncIterator[Frame]:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := await self._reader.read(_CHUNK):
                for frame in decoder.feed(data):
                    yield frame


@contextlib.asynccontextmanager
async def attach_server(control: Control, path: Path) -> AsyncIterator[None]:
    """Serve for as long as the block runs; then what still runs attached is ended."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            if _is_owner(writer):
                await _serve(control, Remote(reader, writer))
        finally:
            tasks.discard(task)
            writer.close()

    path.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call
    server = await asyncio.start_unix_server(serve, str(path))
    path.chmod(0o600)  # noqa: ASYNC240
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        path.unlink(missing_ok=True)  # noqa: ASYNC240


def _is_owner(writer: asyncio.StreamWriter) -> bool:
    """The socket's mode says the same, but only from a moment after the socket is there."""
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, user, _ = _PEER.unpack(peer)
    return user in (0, os.geteuid())


async def _serve(control: Control, remote: Remote) -> None:
    try:
        code = await attach(control, await remote.request(), remote)
    except PulletError as err:
        told = {"code": err.code, "message": err.message, "context": err.context, "hint": err.hint}
        await remote.send(Frame(Kind.FAILED, json.dumps(told).encode()))
    except TimeoutError:
        return
    else:
        await remote.send(Frame(Kind.EXIT, str(code).encode()))
