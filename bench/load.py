"""An open-loop HTTP load generator: requests leave when they are due, however slowly the server answers.

Latency counts from the moment a request was *intended*, so a server that stands still for a second shows that second;
closed-loop tools wait politely and hide it. One thread, one epoll. Nothing is retried, and every failure is counted by
its kind.

    python -m bench.load http://127.0.0.1:8080/ --host shop.localhost --rate 50 --seconds 10 --post 0.2
    python -m bench.load --self-check     # freezes a server for 1 s in a run of 6 s: p99 must be near 0.95 s
"""

from __future__ import annotations

import argparse
import errno
import heapq
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    address: tuple[str, int] | str
    """(address, port), or the path of a unix socket."""
    host: str = "localhost"
    paths: tuple[str, ...] = ("/",)
    """Asked in turn."""
    rate: float = 50.0
    """Requests a second."""
    seconds: float = 10.0
    post_share: float = 0.0
    """Share of requests that are POST, spread evenly."""
    body: bytes = b"x" * 2048
    keep_alive: bool = True
    timeout: float = 15.0
    """Seconds, from the moment the request was sent."""
    most_open: int = 2000
    """Connections; a request that finds none free and no room for another fails as `no-connection`."""


@dataclass
class Report:
    sent: int = 0
    succeeded: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """First word of each body: which upstream answered."""
    latencies: list[float] = field(default_factory=list)
    """Seconds from intended to complete, of the answers that came."""
    behind: float = 0.0
    """Seconds that the generator itself was late at worst: over a few milliseconds, its own CPU was short."""

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    def summary(self) -> dict[str, object]:
        quantiles = {f"p{100 * q:g}_ms": round(1000 * self.quantile(q), 2) for q in (0.5, 0.9, 0.99, 1.0)}
        return {
            "sent": self.sent,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "failures": dict(self.failures),
            "statuses": {str(k): v for k, v in self.statuses.items()},
            **quantiles,
            "behind_ms": round(1000 * self.behind, 2),
        }


class _Connection:
    """One socket: idle, or with one request under way."""

    def __init__(self, handle: socket.socket) -> None:
        self.socket = handle
        self.intended = 0.0
        self.sent = 0.0
        self.out = b""
        self.got = bytearray()
        self.serial = 0
        self.busy = False


class _Run:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.report = Report()
        self.poll = select.epoll()
        self.connections: dict[int, _Connection] = {}
        self.idle: deque[_Connection] = deque()
        self.deadlines: list[tuple[float, int, int]] = []  # (when, file descriptor, serial of the request)
        self.serial = 0
        self.posts = 0.0

    def go(self) -> Report:
        start = time.monotonic() + 0.05
        count = round(self.load.rate * self.load.seconds)
        position = 0
        while position < count or self.busy():
            now = time.monotonic()
            while position < count and (due := start + position / self.load.rate) <= now:
                self.begin(position, due, now)
                position += 1
            self.expire(now)
            self.wait(start + position / self.load.rate if position < count else None)
        for connection in list(self.connections.values()):
            self.close(connection)
        self.poll.close()
        return self.report

    def saturate(self, connections: int) -> float:
        start = now = time.monotonic()
        while now < start + self.load.seconds:
            while len(self.connections) - len(self.idle) < connections:
                self.begin(self.report.sent, now, now)
            self.expire(now)
            self.wait(None)
            now = time.monotonic()
        done = self.report.succeeded
        for connection in list(self.connections.values()):
            self.close(connection)
        self.poll.close()
        return done / (now - start)

    def busy(self) -> bool:
        return len(self.idle) < len(self.connections)

    def begin(self, position: int, due: float, now: float) -> None:
        self.report.sent += 1
        self.report.behind = max(self.report.behind, now - due)
        try:
            connection = self.idle.pop() if self.idle else self.connect()
        except OSError as err:
            self.report.failures[f"connect: {_name(err)}"] += 1
            return
        self.serial += 1
        connection.busy = True
        connection.serial, connection.intended, connection.sent = self.serial, due, now
        connection.out, connection.got = self.request(position), bytearray()
        heapq.heappush(self.deadlines, (now + self.load.timeout, connection.socket.fileno(), self.serial))
        self.write(connection)

    def connect(self) -> _Connection:
        if len(self.connections) >= self.load.most_open:
            raise OSError(errno.EMFILE, "no-connection")
        unix = isinstance(self.load.address, str)
        handle = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        handle.setblocking(False)
        if not unix:
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = handle.connect_ex(self.load.address)
        if code not in (0, errno.EINPROGRESS):
            handle.close()
            raise OSError(code, os.strerror(code))
        connection = _Connection(handle)
        self.connections[handle.fileno()] = connection
        self.poll.register(handle, select.EPOLLIN | select.EPOLLRDHUP)
        return connection

    def request(self, position: int) -> bytes:
        path = self.load.paths[position % len(self.load.paths)]
        self.posts += self.load.post_share
        stays = "keep-alive" if self.load.keep_alive else "close"
        head = f"{path} HTTP/1.1\r\nHost: {self.load.host}\r\nConnection: {stays}\r\n"
        if self.posts < 1:
            return f"GET {head}\r\n".encode()
        self.posts -= 1
        return f"POST {head}Content-Length: {len(self.load.body)}\r\n\r\n".encode() + self.load.body

    def wait(self, due: float | None) -> None:
        # epoll counts in whole milliseconds and rounds up: sleep short of the moment, spin the rest.
        limit = 0.05 if due is None else max(0.0, min(0.05, due - time.monotonic() - 0.001))
        for descriptor, event in self.poll.poll(limit):
            connection = self.connections.get(descriptor)
            if connection is None:
                continue
            if event & select.EPOLLOUT and connection.out:
                self.write(connection)
            if event & ~select.EPOLLOUT and self.connections.get(descriptor) is connection:
                self.read(connection)

    def write(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.out)
        except BlockingIOError:
            sent = 0
        except OSError as err:
            if err.errno == errno.ENOTCONN:  # still connecting
                sent = 0
            else:
                self.fail(connection, f"send: {_name(err)}")
                return
        connection.out = connection.out[sent:]
        wanted = select.EPOLLIN | select.EPOLLRDHUP | (select.EPOLLOUT if connection.out else 0)
        self.poll.modify(connection.socket, wanted)

    def read(self, connection: _Connection) -> None:
        try:
            chunk = connection.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as err:
            self.fail(connection, f"receive: {_name(err)}")
            return
        if not connection.busy:  # the server closed an idle connection: its right
            self.idle.remove(connection)
            self.close(connection)
            return
        connection.got += chunk
        length = _complete_length(connection.got, closed=not chunk)
        if length is not None:
            self.finish(connection, stays=bool(chunk))
        elif not chunk:
            self.fail(connection, "closed within the answer" if connection.got else "closed without an answer")

    def finish(self, connection: _Connection, *, stays: bool) -> None:
        head, _, body = bytes(connection.got).partition(b"\r\n\r\n")
        status = int(head[9:12])
        self.report.statuses[status] += 1
        self.report.latencies.append(time.monotonic() - connection.intended)
        if status < 400:
            self.report.succeeded += 1
            self.report.answers[body[:40].split(b" ", 1)[0].decode("latin-1")] += 1
        else:
            self.report.failures[f"status {status}"] += 1
        connection.busy = False
        if stays and self.load.keep_alive and b"connection: close" not in head.lower():
            self.idle.append(connection)
        else:
            self.close(connection)

    def fail(self, connection: _Connection, kind: str) -> None:
        if connection.busy:
            self.report.failures[kind] += 1
        else:
            self.idle.remove(connection)
        self.close(connection)

    def expire(self, now: float) -> None:
        while self.deadlines and self.deadlines[0][0] <= now:
            _, descriptor, serial = heapq.heappop(self.deadlines)
            connection = self.connections.get(descriptor)
            if connection is not None and connection.busy and connection.serial == serial:
                self.fail(connection, "timeout")

    def close(self, connection: _Connection) -> None:
        del self.connections[connection.socket.fileno()]
        connection.socket.close()


def run(load: Load) -> Report:
    """Blocks until every request has an answer, a failure or its timeout."""
    return _Run(load).go()


def saturate(load: Load, connections: int) -> float:
    """Requests a second that succeed with so many always under way (a closed loop: for capacity, not for latency)."""
    return _Run(load).saturate(connections)


def _complete_length(got: bytearray, *, closed: bool) -> int | None:
    """Bytes of a complete answer; None while some are missing."""
    end = got.find(b"\r\n\r\n")
    if end < 0 or not got.startswith(b"HTTP/1."):
        return None
    head = bytes(got[:end]).lower()
    if b"\r\ntransfer-encoding: chunked" in head:
        return len(got) if got.endswith(b"0\r\n\r\n") else None
    marker = head.find(b"\r\ncontent-length:")
    if marker < 0:
        return len(got) if closed else None
    length = int(head[marker + 17 :].split(b"\r\n", 1)[0])
    return len(got) if len(got) >= end + 4 + length else None


def _name(err: OSError) -> str:
    return errno.errorcode.get(err.errno or 0, str(err))


def self_check() -> Report:
    """Freeze a server (SIGSTOP) for 1 s in a run of 6 s at 100 requests/s."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        server = subprocess.Popen([sys.executable, "-m", "tests.fakes.upstream", str(path), "x"])
        try:
            while not path.exists():
                time.sleep(0.01)
            freezer = f"import os,time,signal;time.sleep(2.5);os.kill({server.pid},signal.SIGSTOP);"
            freezer += f"time.sleep(1);os.kill({server.pid},signal.SIGCONT)"
            with subprocess.Popen([sys.executable, "-c", freezer]):
                return run(Load(str(path), rate=100, seconds=6, keep_alive=False))
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8080/")
    parser.add_argument("--host", help="Host header (default: the URL's)")
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--post", type=float, default=0, help="share of POST requests")
    parser.add_argument("--no-keep-alive", action="store_true")
    parser.add_argument("--self-check", action="store_true")
    options = parser.parse_args()
    if options.self_check:
        report = self_check()
    else:
        url = urlsplit(options.url)
        address = (url.hostname or "127.0.0.1", url.port or 80)
        host, keep_alive = options.host or url.netloc, not options.no_keep_alive
        paths = (url.path or "/",)
        report = run(Load(address, host, paths, options.rate, options.seconds, options.post, keep_alive=keep_alive))
    print(json.dumps(report.summary(), indent=1))
    sys.exit(bool(report.failed))


if __name__ == "__main__":
    main()
