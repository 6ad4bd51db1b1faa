"""A tiny app server on a unix socket, for router tests and benches: `python -m tests.fakes.upstream SOCKET NAME`.

GET / answers `NAME host path`; POST answers `NAME` and the number of bytes and their digest; /slow waits 2 s; /boom
is 500; /hangup closes without an answer; /stream sends two chunks half a second apart; an upgrade request gets an echo.
On SIGTERM it stops listening, finishes what is open, and exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from pathlib import Path


class Upstream:
    def __init__(self, name: str) -> None:
        self.name = name
        self.open: set[asyncio.Task[None]] = set()

    async def serve(self, socket: Path, ready: asyncio.Event | None = None) -> None:
        fresh = socket.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self.connection, str(fresh), backlog=1024)
        fresh.chmod(0o666)
        fresh.rename(socket)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self.open, return_exceptions=True), 10)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            await self.answer(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(task)
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if ": " in line)}
        if "upgrade" in headers:
            await echo(reader, writer)
            return
        if path == "/hangup":
            return
        if path == "/stream":
            await stream(writer)
            return
        if path == "/slow":
            await asyncio.sleep(2)
        text = f"{self.name} {headers.get('host')} {path}".encode()
        if method == "POST":
            body = await read_body(reader, headers)
            text = f"{self.name} {len(body)} {hashlib.sha256(body).hexdigest()}".encode()
        status = b"500 Internal Server Error" if path == "/boom" else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nX-App: yes\r\n\r\n" % (status, len(text)) + text)


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        return body
    return await reader.readexactly(int(headers.get("content-length", 0)))


async def stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    await writer.drain()
    await asyncio.sleep(0.5)
    writer.write(b"6\r\nsecond\r\n0\r\n\r\n")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        os.umask(int(sys.argv[3], 8))
    asyncio.run(Upstream(sys.argv[2]).serve(Path(sys.argv[1])))
