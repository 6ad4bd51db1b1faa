"""`Visitor`: asks the router for a page, as a browser on this box would."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse

from pullet.domain.answer import Answer
from pullet.domain.errors import ProbeFailed

_MOST = 256 * 1024  # bytes of a body that are kept; the rest is not read
_PIECE = 16 * 1024


class RouterVisitor:
    def __init__(self, port: int) -> None:
        self._port = port

    async def get(self, host: str, path: str, timeout: float) -> Answer:
        try:
            return await asyncio.to_thread(self._get, host, path, timeout)
        except TimeoutError:
            raise ProbeFailed(f"GET {path} of {host} gave no whole answer in {timeout:g} s") from None
        except (OSError, HTTPException, ValueError) as err:
            raise ProbeFailed(f"GET {path} of {host} was not answered", context=str(err)) from err

    def _get(self, host: str, path: str, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        connection = HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            headers = {"Host": host, "Accept": "text/html,text/css,*/*;q=0.5", "User-Agent": "pullet-visit"}
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = _read(response, deadline)
            return Answer(
                response.status, response.getheader("Content-Type", ""), response.getheader("Location", ""), body
            )
        finally:
            connection.close()


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """Up to the limit in size, and for a page that never ends up to the one in time."""
    body = b""
    while len(body) < _MOST and time.monotonic() < deadline and (piece := response.read1(_PIECE)):
        body += piece
    return body
