"""The log of one supervised process. Standard library only: the shim writes with it."""

from __future__ import annotations

import os
import time

LINE_LIMIT = 16 << 10  # bytes of a line; the rest goes on the next one


class Log:
    """One file, one older one; a time before each line (UTC, RFC 3339). A full disk costs lines, which are counted."""

    def __init__(self, path: str, limit: int, secrets: list[str]) -> None:
        self.path, self.limit = path, limit
        self.secrets = [secret.encode() for secret in sorted(secrets, key=len, reverse=True) if secret]
        self.file = -1
        self.size = self.lost = 0
        self.partial = b""

    def feed(self, chunk: bytes) -> None:
        *lines, rest = (self.partial + chunk).split(b"\n")
        while len(rest) > LINE_LIMIT:
            lines.append(rest[:LINE_LIMIT])
            rest = rest[LINE_LIMIT:]
        self.partial = rest
        self.write(lines)

    def flush(self) -> None:
        if self.partial:
            lines, self.partial = [self.partial], b""
            self.write(lines)

    def say(self, text: str) -> None:
        self.flush()
        self.write([b"pullet: " + text.encode()])

    def write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06d}Z ".encode()
        if self.lost:
            lines = [b"pullet: %d lines were lost: the log could not be written" % self.lost, *lines]
        data = b"".join(stamp + self.clean(line) + b"\n" for line in lines)
        try:
            self.append(data)
            self.lost = 0
        except OSError:
            self.lost += len(lines)
            self.close()

    def clean(self, line: bytes) -> bytes:
        line = line.rstrip(b"\r")
        for secret in self.secrets:
            line = line.replace(secret, b"***")
        return line if len(line) <= LINE_LIMIT else line[:LINE_LIMIT] + " […]".encode()

    def append(self, data: bytes) -> None:
        if self.file >= 0 and self.size + len(data) > self.limit:
            self.close()
            os.replace(self.path, self.path + ".1")  # noqa: PTH105
        if self.file < 0:
            self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o640)
            self.size = os.fstat(self.file).st_size
        written = os.write(self.file, data)
        self.size += written
        if written < len(data):
            raise OSError("short write")

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
            self.file = -1
