"""The log of one supervised process. Standard library only: the shim writes with it."""

from __future__ import annotations

import os
import time

LINE_LIMIT = 16 << 10  # bytes of a line; the rest goes on the next one


class Lines:
    """Cuts a stream into lines as it comes. One that is too long goes on in the next, but never is a secret cut in two:
    nobody would know the halves."""

    def __init__(self, limit: int, secrets: list[bytes]) -> None:
        """`limit` in bytes; of `secrets` the longest come first."""
        self.limit, self.secrets = limit, secrets
        self.longest = max((len(secret) for secret in secrets), default=0)
        self.partial = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        *whole, rest = (self.partial + chunk).split(b"\n")
        lines = [piece for line in whole for piece in self.pieces(line, self.limit)]
        *more, self.partial = self.pieces(rest, self.limit + self.longest)  # a secret may still be on its way
        return lines + more

    def end(self) -> list[bytes]:
        lines, self.partial = self.pieces(self.partial, self.limit) if self.partial else [], b""
        return lines

    def pieces(self, line: bytes, longest: int) -> list[bytes]:
        found = []
        while len(line) > longest:
            end = self.cut(line)
            found.append(line[:end])
            line = line[end:]
        return [*found, line]

    def cut(self, line: bytes) -> int:
        for secret in self.secrets:
            reach = len(secret) - 1
            if (at := line.find(secret, max(0, self.limit - reach), self.limit + reach)) >= 0:
                return at + len(secret)
        return self.limit


class Log:
    """One file, one older one; a time before each line (UTC, RFC 3339). A full disk costs lines, which are counted."""

    def __init__(self, path: str, limit: int, secrets: list[str]) -> None:
        self.path, self.limit = path, limit
        self.secrets = [secret.encode() for secret in sorted(secrets, key=len, reverse=True) if secret]
        self.file = -1
        self.size = self.lost = 0
        self.lines = Lines(LINE_LIMIT, self.secrets)

    def feed(self, chunk: bytes) -> None:
        self.write(self.lines.feed(chunk))

    def flush(self) -> None:
        self.write(self.lines.end())

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
        return line

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
