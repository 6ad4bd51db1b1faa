"""What a web app says to a request, as far as Pullet looks at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a visitor got for a GET."""

    status: int
    kind: str = ""
    """Content-Type, as sent."""
    location: str = ""
    body: bytes = b""
    """The beginning, at least 256 KiB of it."""
