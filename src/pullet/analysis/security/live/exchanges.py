"""One request and what came back, as it was recorded: what every live check judges."""

from __future__ import annotations

import re
from dataclasses import dataclass

MARKER_HOST = "marker.pullet.invalid"
"""A host that exists nowhere (RFC 2606) and is never contacted: an answer that leads there was talked into it."""

_TEXT_LIMIT = 256 << 10  # characters that checks look at
_HEADERS = 200
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]{0,200}\r?\n")
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")


@dataclass(frozen=True)
class Request:
    method: str = "GET"
    target: str = "/"
    """Path and query as they go over the wire."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Exchange:
    request: Request
    status: int
    """0: there was no answer that is HTTP."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case."""
    body: bytes = b""
    cut: str = ""
    """Why the answer was not read to its end; empty: it was."""
    seconds: float = 0.0
    """From the request to the answer's end."""

    def header(self, name: str) -> str:
        """The first of that name; empty where there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def every(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.headers if key == name)

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        return self.media_type in {"text/html", "application/xhtml+xml"}

    @property
    def text(self) -> str:
        """The body's first 256 Ki characters."""
        return self.body[: 4 * _TEXT_LIMIT].decode("utf-8", "replace")[:_TEXT_LIMIT]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def location(self) -> str:
        return self.header("location") if 300 <= self.status < 400 else ""


@dataclass(frozen=True)
class Head:
    status: int
    headers: tuple[tuple[str, str], ...]
    length: int
    """Bytes up to the body."""

    def value(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


def read_head(raw: bytes) -> Head | None:
    """Status and headers, past interim answers; None where they are not whole, or not HTTP."""
    start = 0
    while match := _STATUS.match(raw, start):
        end = _END.search(raw, match.end() - 2)
        if end is None:
            return None
        status = int(match[1])
        if status >= 200 or status == 101:
            return Head(status, _headers(raw[match.end() : end.start()]), end.end())
        start = end.end()
    return None


def is_whole(raw: bytes, head: Head, method: str) -> bool:
    """Whether nothing more belongs to the answer. Without a length only the end of the connection tells."""
    if method == "HEAD" or head.status in {101, 204, 304}:
        return True
    if "chunked" in head.value("transfer-encoding").lower():
        return raw.endswith(b"0\r\n\r\n")
    length = head.value("content-length")
    return length.isascii() and length.isdigit() and len(length) < 16 and len(raw) - head.length >= int(length)


def read_body(raw: bytes, head: Head) -> bytes:
    return _body(raw, head)[0]


def answers(raw: bytes) -> tuple[int, ...]:
    """Statuses of all the answers on one connection, at most ten."""
    found: list[int] = []
    while len(found) < 10 and (head := read_head(raw)):
        found.append(head.status)
        raw = raw[_body(raw, head)[1] :]
    return tuple(found)


def _body(raw: bytes, head: Head) -> tuple[bytes, int]:
    """(the body as far as it is there, where it ends)."""
    if "chunked" in head.value("transfer-encoding").lower():
        return _chunks(raw, head.length)
    length = head.value("content-length")
    if head.status in {204, 304}:
        return b"", head.length
    end = head.length + int(length) if length.isascii() and length.isdigit() and len(length) < 16 else len(raw)
    return raw[head.length : end], end


def _headers(block: bytes) -> tuple[tuple[str, str], ...]:
    found = []
    for line in block.split(b"\n")[:_HEADERS]:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            found.append((name.strip().lower(), value.strip()))
    return tuple(found)


def _chunks(raw: bytes, at: int) -> tuple[bytes, int]:
    """As far as they can be read; what follows the last one ends at an empty line."""
    found: list[bytes] = []
    while match := _CHUNK.match(raw, at):
        size = int(match[1], 16)
        if not size:
            end = raw.find(b"\r\n\r\n", match.start())
            return b"".join(found), end + 4 if end >= 0 else len(raw)
        found.append(raw[match.end() : match.end() + size])
        at = match.end() + size + 2
    return b"".join(found), len(raw)
