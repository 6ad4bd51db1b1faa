"""Smart HTTP on loopback by `git http-backend`, as a server in a thread; and a stand-in for ssh."""

from __future__ import annotations

import base64
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Behaviour:
    """What the server does, changed by tests while it runs."""

    root: Path
    version2: bool = True
    filters: bool = True
    password: str = ""
    status: int = 0
    redirect: str = ""
    """Where GETs of other paths than this prefix are sent."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, user agent)"""
    connections: int = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour
    timeout = 20
    wbufsize = 1 << 16  # head and body in one segment: else Nagle's algorithm adds 40 ms to each answer

    def setup(self) -> None:
        super().setup()
        self.behaviour.connections += 1

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        self._serve(self.rfile.read(int(length)) if length else self._chunked())

    def _serve(self, body: bytes) -> None:
        seen = self.behaviour
        seen.requests.append((self.command, self.path, self.headers.get("User-Agent", "")))
        wanted = "Basic " + base64.b64encode(f"ada:{seen.password}".encode()).decode()
        if seen.status:
            self._answer(seen.status, {}, b"")
        elif seen.redirect and not self.path.startswith(seen.redirect):
            self._answer(302, {"Location": seen.redirect + self.path}, b"")
        elif seen.password and self.headers.get("Authorization") != wanted:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._answer(*self._backend(body))

    def _backend(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        path, _, query = self.path.removeprefix(self.behaviour.redirect).partition("?")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": "/nonexistent",
            "GIT_PROJECT_ROOT": str(self.behaviour.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
            "GIT_CONFIG_VALUE_0": str(self.behaviour.filters).lower(),
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.behaviour.version2:
            environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol", "")
        done = subprocess.run(
            ("git", "http-backend"), input=body, env=environment, capture_output=True, timeout=60, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunked(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def log_message(self, *args: object) -> None:
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def http_server(root: Path) -> Iterator[tuple[str, Behaviour]]:
    """Serve the repositories below `root`; yields (base URL, behaviour)."""
    behaviour = Behaviour(root)
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", behaviour
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def main() -> None:
    """`python -m tests.git_servers FOLDER`: prints the URL and serves until its input ends."""
    with http_server(Path(sys.argv[1])) as (url, _):
        print(url, flush=True)
        sys.stdin.read()


def fake_ssh(folder: Path) -> tuple[str, Path]:
    """(a command for `ssh_command`, the file it notes its arguments in): runs what ssh would have run over there."""
    script, notes = folder / "ssh", folder / "ssh.notes"
    script.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" >> '{notes}'
for last; do :; done
unset GIT_CONFIG_GLOBAL
HOME=/nonexistent exec sh -c "$last"
"""
    )
    script.chmod(0o755)
    return str(script), notes


if __name__ == "__main__":
    main()
