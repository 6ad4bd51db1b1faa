"""Git's packet lines, gitprotocol-common(5): four hex digits of length, then the payload; 0000 ends a message."""

from __future__ import annotations

from collections.abc import Iterator

FLUSH = b"0000"
DELIMITER = b"0001"
_SPECIAL = 4  # lengths below this are marks, not data


class BadPackets(ValueError):
    """These bytes are not packet lines."""


def packet(payload: str) -> bytes:
    data = payload.encode()
    return b"%04x" % (len(data) + 4) + data


def messages(data: bytes) -> Iterator[list[bytes]]:
    """The payloads of each message up to its flush packet. Raises BadPackets."""
    position = 0
    current: list[bytes] = []
    while position < len(data):
        length = _length(data[position : position + 4])
        if length < _SPECIAL:
            position += 4
            if length == 0:
                yield current
                current = []
            continue
        if position + length > len(data):
            raise BadPackets("a packet is cut off")
        current.append(data[position + 4 : position + length])
        position += length
    if current:
        raise BadPackets("the end is missing")


def _length(digits: bytes) -> int:
    try:
        length = int(digits, 16)
    except ValueError as err:
        raise BadPackets(f"{digits!r} is not the length of a packet") from err
    if length == 3 or len(digits) != 4:
        raise BadPackets(f"{digits!r} is not the length of a packet")
    return length
