"""`Prober`: one HTTP request over a unix socket, and what happened instead of an answer."""

from __future__ import annotations

import asyncio
import re

from pullet.domain.errors import ProbeFailed

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")


class HttpProber:
    async def probe(self, socket: str, host: str, path: str, timeout: float) -> int:
        """Status code of GET `path`. Raises ProbeFailed."""
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "User-Agent: pullet-probe",
            "Accept: */*",
            "Connection: close",
        )
        request = "\r\n".join(lines) + "\r\n\r\n"
        try:
            async with asyncio.timeout(timeout):
                line = await _first_line(socket, request.encode("utf-8"))
        except TimeoutError:
            raise ProbeFailed(
                f"GET {path} gave no answer in {timeout:g} s",
                hint="Something the app waits for does not come: look at its log.",
            ) from None
        except FileNotFoundError:
            raise ProbeFailed(
                "The app does not listen yet",
                hint="Does it start a server, and on $PORT where Pullet does not know it?",
            ) from None
        except ConnectionRefusedError:
            raise ProbeFailed("The app does not listen any more: the connection was refused") from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as err:
            raise ProbeFailed(f"GET {path}: the app closed the connection without an answer", context=str(err)) from err
        match = _STATUS_LINE.match(line)
        if match is None:
            raise ProbeFailed(f"GET {path}: the answer is not HTTP", context=repr(line[:80]))
        return int(match[1])


async def _first_line(socket: str, request: bytes) -> bytes:
    """Without waiting for the body: a page may stream for ever."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readuntil(b"\n")
    finally:
        writer.transport.abort()
