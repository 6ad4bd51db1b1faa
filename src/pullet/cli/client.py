"""Talks to the daemon over its unix socket, and starts it where it does not run. Imports little."""

from __future__ import annotations

import getpass
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pullet.domain.errors import PulletError, RuntimeFailed, UsageError
from pullet.domain.home import Home

_START_LIMIT = 20.0  # seconds; it takes about one


class NotRunning(UsageError):
    code = "not-running"


class ApiError(PulletError):
    """What the daemon answered, as it said it."""

    def __init__(self, code: str, message: str, context: str = "", hint: str = "") -> None:
        super().__init__(message, context=context, hint=hint)
        self.code = code


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("pullet")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


def default_home() -> Path:
    """`$PULLET_HOME`; else /var/lib/pullet for root, else the user's state folder."""
    if chosen := os.environ.get("PULLET_HOME"):
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/pullet")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "pullet"


class Client:
    def __init__(self, home: Home) -> None:
        self.home = home

    def get(self, path: str, **query: object) -> Any:
        return json.loads(self._request("GET", path, query).read())

    def post(self, path: str, **query: object) -> Any:
        return json.loads(self._request("POST", path, query).read())

    def stream(self, path: str, body: Mapping[str, object] | None = None, **query: object) -> Iterator[dict[str, Any]]:
        """The `Progress` lines of a request, as they come."""
        answer = self._request("POST", path, query, body)
        while line := answer.readline():
            yield json.loads(line)

    def lines(self, path: str, **query: object) -> Iterator[str]:
        answer = self._request("GET", path, query)
        while line := answer.readline():
            yield line.decode("utf-8", "replace").rstrip("\n")

    def is_running(self) -> bool:
        try:
            self.get("/v1/openapi.json")
        except NotRunning:
            return False
        return True

    def ensure_daemon(self, port: int | None, fleet: str | None) -> bool:
        """Start the daemon where none answers; True where it was started. Raises what it died of, and UsageError where
        the one that runs was started with another port or fleet: neither can change while it runs."""
        from pullet.drivers.process import start_detached  # noqa: PLC0415 - brings asyncio, for this one case

        if self.is_running():
            self._refuse_other_options(port, fleet)
            return False
        self.home.daemon_log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = [*(["--port", str(port)] if port else []), *(["--fleet", fleet] if fleet else [])]
        began = self.home.daemon_log.stat().st_size if self.home.daemon_log.exists() else 0
        daemon = start_detached(
            (sys.executable, "-m", "pullet.cli.main", "serve", *options),
            {**os.environ, "PULLET_HOME": str(self.home.root)},
            self.home.daemon_log,
        )
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline:
            if self.is_running():
                return True
            if daemon.poll() is not None:
                break
            time.sleep(0.05)
        with self.home.daemon_log.open("rb") as log:
            log.seek(began)
            said = log.read(20_000).decode("utf-8", "replace").strip()
        raise RuntimeFailed("The daemon did not start", context=said, hint=f"Its log: {self.home.daemon_log}")

    def _refuse_other_options(self, port: int | None, fleet: str | None) -> None:
        if port is None and fleet is None:
            return
        status = self.get("/v1/status")
        for name, asked, is_so in (("port", port, status["router_port"]), ("fleet", fleet, status["fleet"])):
            if asked not in (None, is_so):
                raise UsageError(
                    f"The daemon of {self.home.root} runs with --{name} {is_so}, not {asked}",
                    hint=f"Leave --{name} out, or `pullet stop` first and start it anew.",
                )

    def _request(
        self, method: str, path: str, query: dict[str, object], body: Mapping[str, object] | None = None
    ) -> http.client.HTTPResponse:
        connection = _UnixConnection(self.home.api_socket)
        given = {name: _text(value) for name, value in query.items() if value is not None}
        target = path + (f"?{urlencode(given)}" if given else "")
        headers = {"X-Pullet-Author": quote(author(), safe=" @<>.-_+"), "Content-Type": "application/json"}
        try:
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
        except (FileNotFoundError, ConnectionRefusedError) as err:
            raise NotRunning(
                f"No daemon runs for {self.home.root}",
                hint="Start one with `pullet up PATH` or `pullet serve`; PULLET_HOME chooses another home.",
            ) from err
        except PermissionError as err:
            raise UsageError(f"{self.home.root} is another user's Pullet", hint="Use sudo, or a PULLET_HOME.") from err
        if answer.status >= 400:
            raise _error(answer)
        return answer


def author() -> str:
    """Who commits to the fleet repository."""
    try:
        return os.environ.get("PULLET_AUTHOR") or os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        return f"uid {os.getuid()}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _error(answer: http.client.HTTPResponse) -> PulletError:
    try:
        body = json.loads(answer.read())
        return ApiError(body["code"], body["message"], body["context"], body["hint"])
    except (ValueError, KeyError, TypeError):
        return ApiError("api-failed", f"The daemon answered {answer.status}", hint="Is it of the same version?")
