"""What the router's suites share: a home, a real Caddy, tiny app servers, and a plain way to ask."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.drivers.router.caddy import CaddyRouter
from pullet.drivers.router.configuration import Tls
from pullet.ports import RouteTarget
from tests.fakes.popen_supervisor import PopenSupervisor

SHOP = EnvironmentKey("shop", "production")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def until(condition: Callable[[], bool], limit: float = 10.0) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Bench:
    """One home with one router. pytest's own folders are closed to other users, and Caddy is one: hence mkdtemp."""

    home: Home
    supervisor: PopenSupervisor
    router: CaddyRouter
    port: int
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def upstream(self, name: str) -> str:
        """Start an app server; the absolute path of its socket."""
        path = self.home.sockets / f"{name}.sock"
        argv = [sys.executable, "-m", "tests.fakes.upstream", str(path), name]
        self.servers.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        until(path.exists)
        return str(path)

    def end_upstream(self, index: int) -> None:
        self.servers[index].terminate()
        self.servers[index].wait(15)

    def target(self, number: int, *sockets: str, static: tuple[tuple[str, str], ...] = ()) -> RouteTarget:
        return RouteTarget(ReleaseId(SHOP, number), sockets, static)

    def folder(self, name: str, files: Mapping[str, str]) -> Path:
        """A folder of an app, with files."""
        folder = self.home.releases / name
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    def ask(self, host: str, path: str = "/", method: str = "GET", body: bytes | None = None, **more: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            headers = {"Host": host} | {name.replace("_", "-"): value for name, value in more.items()}
            connection.request(method, path, body=body, headers=headers)
            got = connection.getresponse()
            return Answer(got.status, dict(got.getheaders()), got.read().decode())
        finally:
            connection.close()

    def ask_raw(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as connection:
            connection.sendall(request)
            got = b""
            while chunk := connection.recv(65536):
                got += chunk
            return got


@contextmanager
def bench(tls: Tls | None = None) -> Iterator[Bench]:
    root = Path(tempfile.mkdtemp(prefix="pullet-router-"))
    root.chmod(0o711 if os.geteuid() == 0 else 0o700)
    home, supervisor, port = Home(root), PopenSupervisor(), free_port()
    home.sockets.mkdir(mode=0o700)
    one = Bench(home, supervisor, CaddyRouter(home, supervisor, port, tls=tls), port)
    try:
        yield one
    finally:
        supervisor.end_all()
        for server in one.servers:
            server.kill()
            server.wait()
        shutil.rmtree(root)
