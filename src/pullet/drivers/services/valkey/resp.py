"""As much of the Valkey protocol (RESP2) as Pullet needs to administer a server over its unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from pullet.domain.errors import ServiceFailed

_LIMIT = 10.0  # seconds for one command


class Refused(ServiceFailed):
    """The server answered with an error."""


async def ask(socket: Path, user: str, password: str, *command: str) -> str:
    """The answer to one command, as text. Raises Refused, OSError where nobody listens, TimeoutError.

    The socket is reached through a descriptor of its folder, since a path in sockaddr_un is 107 bytes at most.
    """
    folder = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        async with asyncio.timeout(_LIMIT):
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{socket.name}")
            try:
                writer.write(_encoded("AUTH", user, password) + _encoded(*command))
                await _answer(reader)
                return await _answer(reader)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    finally:
        os.close(folder)


def _encoded(*words: str) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


async def _answer(reader: asyncio.StreamReader) -> str:
    line = await reader.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionResetError("the server closed the connection")
    kind, text = line[:1], line[1:-2].decode("utf-8", "replace")
    if kind == b"-":
        raise Refused("Valkey refused a command of Pullet's", context=text)
    if kind == b"$" and int(text) >= 0:
        return (await reader.readexactly(int(text) + 2))[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return "\n".join([await _answer(reader) for _ in range(int(text))])
    return text
