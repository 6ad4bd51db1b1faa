"""A page's own server, beside its browser and inside the same sandbox. Standard library only.

    python -I -S serving.py

The first line on standard input says what to serve and which browser to start; each further line is handed to the page,
and what the page says becomes a line on standard output. Ends when the input, the browser or the page does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import secrets
import shutil
import signal
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TYPES = {".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}
_MESSAGE_LIMIT = 64 << 20  # bytes
_PATIENCE = 60.0  # seconds that a browser may take to show the page
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Talk:
    """The WebSocket of the one page, RFC 6455: text messages only."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()

    def send(self, data: bytes, kind: int = _TEXT) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 127, size)
        with self._lock:
            self._writer.write(head + data)
            self._writer.flush()

    def messages(self) -> Iterator[bytes]:
        """Until the page is gone."""
        whole = b""
        with contextlib.suppress(OSError, EOFError, struct.error):
            while True:
                final, kind, data = self._frame()
                if kind == _CLOSE or len(whole) + len(data) > _MESSAGE_LIMIT:
                    return
                if kind == _PING:
                    self.send(data, _PONG)
                elif kind != _PONG:
                    whole += data
                    if final:
                        yield whole
                        whole = b""

    def _frame(self) -> tuple[bool, int, bytes]:
        first, second = self._exactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        if size > _MESSAGE_LIMIT or not second & 0x80:
            raise EOFError
        return bool(first & 0x80), first & 0x0F, _unmasked(self._exactly(4), self._exactly(size))

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError
        return data


def _unmasked(mask: bytes, data: bytes) -> bytes:
    """As one number: a loop over bytes would take seconds for a long message."""
    stretched = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stretched, "big")).to_bytes(len(data), "big")


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    server: Server

    def do_GET(self) -> None:
        if self.path == f"/talk?{self.server.token}":
            self._talk()
            return
        first, _, name = self.path.lstrip("/").partition("?")[0].partition("/")
        folder = self.server.folders.get(first)
        path = os.path.join(folder["path"], name) if folder and name and "/" not in name else None
        if folder is None or path is None or not os.path.isfile(path):
            self.send_error(404)
            return
        self._file(path, lasting=folder["lasting"])

    def _file(self, path: str, *, lasting: bool) -> None:
        with open(path, "rb") as file:
            self.send_response(200)
            self.send_header("Content-Type", _TYPES.get(os.path.splitext(path)[1], "application/octet-stream"))
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            # Memory is shared between threads only by pages that are isolated from others.
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("Cache-Control", "max-age=31536000, immutable" if lasting else "no-store")
            self.end_headers()
            shutil.copyfileobj(file, self.wfile, 1 << 18)

    def _talk(self) -> None:
        key = self.headers.get("Sec-WebSocket-Key", "")
        if not key or not self.server.take():
            self.send_error(409)
            return
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        talk = Talk(self.rfile, self.wfile)  # type: ignore[arg-type]
        self.server.begin(talk)
        for message in talk.messages():
            say(message)
        self.server.over("the page is gone")

    def log_message(self, *_: object) -> None:
        """Standard error is for what went wrong."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, folders: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", port), Page)
        self.folders = folders
        self.token = secrets.token_hex(16)  # where the network is shared, others can reach the port
        self._lock = threading.Lock()
        self._taken = False
        self._page: Talk | None = None
        self._there = threading.Event()
        self._over = threading.Event()
        self.why = ""

    def take(self) -> bool:
        """Whether the caller is the first page: no test shall speak in its stead."""
        with self._lock:
            taken, self._taken = self._taken, True
        return not taken

    def begin(self, talk: Talk) -> None:
        self._page = talk
        self._there.set()

    def over(self, why: str) -> None:
        self.why = self.why or why
        self._over.set()
        self._there.set()

    def pass_on(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._there.wait()
            if self._page is None:
                return
            with contextlib.suppress(OSError):
                self._page.send(line.rstrip(b"\n"))
        self.over("")

    def wait(self) -> None:
        if not self._there.wait(_PATIENCE):
            self.over(f"the browser showed no page within {_PATIENCE:g} s")
        self._over.wait()


_saying = threading.Lock()


def say(line: bytes) -> None:
    with _saying:
        sys.stdout.buffer.write(line.replace(b"\n", b" ") + b"\n")
        sys.stdout.buffer.flush()


def listening(port: int, folders: Mapping[str, Any]) -> Server:
    """On the port that the browser's cache knows, where it is free."""
    try:
        return Server(port, folders)
    except OSError:
        return Server(0, folders)


def tidy(profile: str, kept: Collection[str]) -> None:
    """Of the last run only the caches stay: what else pages can leave behind might speak in this one."""
    os.makedirs(profile, exist_ok=True)
    for above, folders, names in os.walk(profile):
        where = os.path.relpath(above, profile)
        for name in list(folders):
            path = os.path.normpath(os.path.join(where, name))
            if path in kept:
                folders.remove(name)
            elif not any(each.startswith(path + os.sep) for each in kept):
                folders.remove(name)
                remove(os.path.join(above, name))
        for name in names:
            remove(os.path.join(above, name))


def remove(path: str) -> None:
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
    else:
        shutil.rmtree(path, ignore_errors=True)


def watch(browser: subprocess.Popen[bytes], server: Server) -> None:
    code = browser.wait()
    server.over(f"the browser ended with {code}")


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    server = listening(asked["port"], asked["folders"])
    tidy(asked["profile"], asked["kept"])
    for name, text in asked["files"].items():
        with open(os.path.join(asked["profile"], name), "w") as file:
            file.write(text)
    url = f"http://127.0.0.1:{server.server_address[1]}/inside/page.html?{server.token}"
    browser = subprocess.Popen(
        [word.replace("{url}", url) for word in asked["argv"]],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
    for target, given in (
        (server.serve_forever, ()),
        (watch, (browser, server)),
        (server.pass_on, (sys.stdin.buffer,)),
    ):
        threading.Thread(target=target, args=given, daemon=True).start()
    server.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(browser.pid, signal.SIGKILL)
    if server.why:
        say(json.dumps({"ended": server.why}).encode())
    os._exit(0)  # threads that wait for the input hold the interpreter


if __name__ == "__main__":
    main()
