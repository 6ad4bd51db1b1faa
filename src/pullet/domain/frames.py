"""What a command line and the daemon say to each other while a command runs attached: bytes in frames.

A frame is one byte that says what it is, four with the length (big-endian), and the content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from pullet.domain.errors import MalformedData

LIMIT = 1 << 20  # bytes of one frame; output comes in far smaller ones
CREDIT = 1 << 18  # bytes of input that may be on their way; more only once the command has taken some (TAKEN)
_HEAD = struct.Struct(">BI")
_SIZE = struct.Struct(">HH")
_SIGNALS = frozenset({1, 2, 3, 15})  # HUP, INT, QUIT, TERM


class Kind(IntEnum):
    REQUEST = 1  # to the daemon, first: JSON of an AttachRequest
    INPUT = 2
    END_OF_INPUT = 3
    SIZE = 4  # of the terminal: rows, columns
    SIGNAL = 5  # one byte, its number; for commands without a terminal
    OUTPUT = 10  # to the command line
    ERROR_OUTPUT = 11
    TAKEN = 14  # the command took so many bytes of input, in decimal digits
    EXIT = 12  # last: the exit code in decimal digits
    FAILED = 13  # last: JSON of what went wrong


@dataclass(frozen=True)
class Frame:
    kind: Kind
    content: bytes = b""

    def encode(self) -> bytes:
        return _HEAD.pack(self.kind, len(self.content)) + self.content


class Decoder:
    """Bytes as they come in, frames out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Raises MalformedData for what is no frame."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._rest)
            if kind not in Kind._value2member_map_ or length > LIMIT:
                raise MalformedData("That is no frame of an attached command")
            if len(self._rest) < _HEAD.size + length:
                return
            content, self._rest = self._rest[_HEAD.size : _HEAD.size + length], self._rest[_HEAD.size + length :]
            yield Frame(Kind(kind), content)


def encode_size(rows: int, columns: int) -> bytes:
    return _SIZE.pack(min(rows, 0xFFFF), min(columns, 0xFFFF))


def decode_size(content: bytes) -> tuple[int, int]:
    """(rows, columns). Raises MalformedData."""
    try:
        rows, columns = _SIZE.unpack(content)
    except struct.error as err:
        raise MalformedData("That is no size of a terminal") from err
    return rows, columns


def encode_signal(number: int) -> bytes:
    return bytes([number])


def decode_signal(content: bytes) -> int:
    """HUP, INT, QUIT or TERM. Raises MalformedData."""
    if len(content) != 1 or content[0] not in _SIGNALS:
        raise MalformedData("That is no signal for an attached command")
    return content[0]


@dataclass(frozen=True)
class AttachRequest:
    """A command to run attached, in the live release of an environment."""

    app: str
    environment: str
    argv: tuple[str, ...]
    """Empty: a shell of `service`."""
    author: str
    terminal: tuple[int, int] | None = None
    """(rows, columns); None: pipes."""
    term: str = "dumb"
    timeout: float | None = None
    """Seconds."""
    service: str | None = None
    """With an empty `argv`: the service whose shell is wanted, empty for the only one."""
