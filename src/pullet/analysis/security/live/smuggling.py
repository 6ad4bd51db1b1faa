"""Requests whose length can be read in two ways, as bytes, and what a server made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pullet.analysis.security.live.exchanges import Exchange, Request, answers
from pullet.analysis.security.live.rules import Hit


@dataclass(frozen=True)
class Ambiguity:
    name: str
    head: str
    """Header lines that make the length ambiguous; `{length}` is the body's with the hidden request."""
    body: str
    demands_refusal: bool
    """RFC 9112 says 400, in any case."""
    may_be_heeded: bool = False
    """RFC 9112 lets a server read it as chunked, so the hidden request is none; but the connection should end."""


AMBIGUITIES = (
    Ambiguity(
        "CL.TE",
        "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n{hidden}",
        False,
        may_be_heeded=True,
    ),
    Ambiguity(
        "TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n{hidden}", False, may_be_heeded=True
    ),
    Ambiguity("two lengths", "Content-Length: 0\r\nContent-Length: {length}\r\n", "{hidden}", True),
    Ambiguity(
        "space before colon", "Content-Length: {length}\r\nTransfer-Encoding : chunked\r\n", "0\r\n\r\n{hidden}", True
    ),
    Ambiguity(
        "folded line",
        "Content-Length: {length}\r\nTransfer-Encoding:\r\n chunked\r\n",
        "0\r\n\r\n{hidden}",
        False,
        may_be_heeded=True,
    ),
    Ambiguity(
        "unknown coding", "Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n", "0\r\n\r\n{hidden}", False
    ),
)


def ambiguous(kind: Ambiguity, path: str, host: str) -> bytes:
    """The whole of what is sent on one connection. The hidden request only reads."""
    hidden = f"GET {path}?pullet-hidden=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    body = kind.body.format(hidden=hidden)
    head = kind.head.format(length=len(body))
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n{body}".encode("latin-1")


def smuggled(kind: Ambiguity, path: str, raw: bytes) -> Iterator[Hit]:
    """Judges all that came back on the connection: none, a refusal, or one answer and the end are as they should be."""
    found = answers(raw)
    seen = Exchange(Request("GET", path), found[0] if found else 0)
    answered = [status for status in found if status < 400 or status == 404]
    if len(answered) > 1 and not kind.may_be_heeded:
        yield Hit("smuggling", seen, f"{kind.name}: answered {', '.join(map(str, found))}", kind.name)
    elif len(answered) > 1:
        yield Hit("framing-kept-open", seen, f"{kind.name}: answered {', '.join(map(str, found))}", kind.name)
    elif kind.demands_refusal and answered:
        yield Hit("framing-tolerated", seen, f"{kind.name}: answered {answered[0]}", kind.name)
