"""A small HTTP client that trusts nothing: one address, no redirects, everything bounded. Blocking."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, replace

from pullet.analysis.security.live.exchanges import Exchange, Request, is_whole, read_body, read_head

_PIECE = 64 << 10
_AGENT = "pullet-assess"


@dataclass(frozen=True)
class Bounds:
    """What a scan may take."""

    size: int = 2 << 20
    """Bytes of an answer."""
    seconds: float = 10.0
    """For a whole answer."""
    requests: int = 500
    rate: float = 20.0
    """Requests a second."""
    total: float = 100.0
    """Seconds for everything."""
    slow_total: float = 40.0
    """Seconds spent on answers that were cut."""


@dataclass(frozen=True)
class Site:
    scheme: str
    host: str
    """Name, as the URL has it."""
    port: int
    address: str
    """Where the name led when the scan began: nothing else is ever connected to."""
    prefix: str = ""
    """Path of the URL, without a slash at its end."""

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port, as a Host header has them."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.secure else 80) else f"{name}:{self.port}"


class Spent(Exception):
    """The scan's limit of requests or time is reached."""


class Client:
    def __init__(self, site: Site, bounds: Bounds | None = None) -> None:
        self.site = site
        self.bounds = bounds or Bounds()
        self.asked = 0
        self.cut: dict[str, str] = {}
        """`GET /stream` -> why its answer was not read to its end; what announces itself as a stream is not here."""
        self.streams: dict[str, str] = {}
        self._began = time.monotonic()
        self._next = self._began
        self._slow = 0.0

    def ask(self, request: Request) -> Exchange:
        """Raises Spent. What fails on the way is an exchange with status 0."""
        method, target = request.method, request.target
        names = {name.lower() for name, _ in request.headers}
        lines = [f"{method} {target} HTTP/1.1"]
        defaults = (("Host", self.site.authority), ("User-Agent", _AGENT), ("Accept", "*/*"), ("Connection", "close"))
        lines += [f"{name}: {value}" for name, value in defaults if name.lower() not in names]
        lines += [f"{name}: {value}" for name, value in request.headers]
        if request.body or method in {"POST", "PUT"}:
            lines.append(f"Content-Length: {len(request.body)}")
        raw = "\r\n".join((*lines, "", "")).encode("latin-1", "replace") + request.body
        started = time.monotonic()
        received, cut = self.send(raw, method)
        exchange = _exchange(request, received, cut, time.monotonic() - started)
        self._remember(exchange)
        return exchange

    def send(self, raw: bytes, method: str = "") -> tuple[bytes, str]:
        """Bytes as they are, on a connection of their own; (what came back, why it was cut). With a method reading
        stops where its answer is whole, without one where the connection ends. Raises Spent."""
        self._wait()
        started = time.monotonic()
        deadline = min(started + self.bounds.seconds, self._began + self.bounds.total)
        try:
            with self._connected(deadline) as connection:
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                connection.sendall(raw)
                received, cut = self._received(connection, deadline, method)
        except (OSError, ValueError) as err:
            received, cut = b"", f"no answer: {err}"
        if cut:
            self._slow += time.monotonic() - started
        return received, cut

    def _wait(self) -> None:
        now = time.monotonic()
        spent = now - self._began > self.bounds.total or self._slow > self.bounds.slow_total
        if self.asked >= self.bounds.requests or spent:
            raise Spent
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.bounds.rate
        self.asked += 1

    def _connected(self, deadline: float) -> socket.socket:
        timeout = max(0.01, deadline - time.monotonic())
        connection = socket.create_connection((self.site.address, self.site.port), timeout=timeout)
        if not self.site.secure:
            return connection
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # whether it is to be trusted is a check of its own
        try:
            return context.wrap_socket(connection, server_hostname=self.site.host)
        except BaseException:
            connection.close()
            raise

    def _received(self, connection: socket.socket, deadline: float, method: str) -> tuple[bytes, str]:
        received, head = bytearray(), None
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                piece = connection.recv(_PIECE)
            except TimeoutError:
                break
            except OSError:
                return bytes(received), "" if received else "the connection was reset"
            if not piece:
                return bytes(received), ""
            received += piece
            if len(received) > self.bounds.size:
                return bytes(received), f"longer than {self.bounds.size >> 10} KB"
            if method and (head := head or read_head(bytes(received))) and is_whole(bytes(received), head, method):
                return bytes(received), ""
        return bytes(received), f"not whole after {self.bounds.seconds:g} s"

    def _remember(self, exchange: Exchange) -> None:
        if exchange.cut:
            stream = exchange.media_type in {"text/event-stream", "multipart/x-mixed-replace"}
            (self.streams if stream else self.cut)[str(exchange.request)] = exchange.cut


def _exchange(request: Request, received: bytes, cut: str, seconds: float) -> Exchange:
    head = read_head(received)
    if head is None:
        return Exchange(request, 0, cut=cut or "the answer is not HTTP", seconds=seconds)
    body = read_body(received, head)
    promised = head.value("content-length")
    if (
        not cut
        and promised.isascii()
        and promised.isdigit()
        and request.method != "HEAD"
        and head.status not in {204, 304}
    ):
        cut = "" if len(body) >= int(promised[:15]) else "it ended early"
    return Exchange(request, head.status, head.headers, body, cut, seconds)


def prefixed(site: Site, request: Request) -> Request:
    """The request below the URL's path."""
    return replace(request, target=site.prefix + request.target) if site.prefix else request
