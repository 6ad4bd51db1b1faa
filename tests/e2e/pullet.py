"""A Pullet of its own for tests: a home, a port, repositories, and the command line in front of it all.

Nothing here imports Pullet: what a user can do and see is what is tested.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.repositories import Repository
from tests.polling import alive


def command_line(*arguments: str) -> tuple[str, ...]:
    """`pullet ARGUMENTS` of the code under test."""
    return (sys.executable, "-m", "pullet.cli.main", *arguments)


@dataclass(frozen=True)
class Result:
    """What a command line said."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Watching:
    """What requests in the background were answered, in order."""

    answers: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        return [answer for answer in self.answers if not answer.startswith("200 ")]

    @property
    def bodies(self) -> set[str]:
        return {answer[4:] for answer in self.answers}


class Pullet:
    """One home. `close` ends everything of it and returns what survived, which must be nothing."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="pullet-e2e-", dir="/tmp"))
        self.root.chmod(0o711)  # apps run as users of their own, who pass through
        self.home = self.root / "home"
        self.port = free_port()
        self.home.mkdir()
        self.advise("")  # nothing beyond this box is asked
        self._daemons: list[subprocess.Popen[bytes]] = []

    # -- the command line ------------------------------------------------------------------------------------------

    def run(self, *arguments: str, limit: float = 90.0) -> Result:
        done = subprocess.run(
            command_line(*arguments), env=self.environment(), capture_output=True, text=True, check=False, timeout=limit
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def do(self, *arguments: str, limit: float = 90.0) -> Result:
        """A command that must succeed."""
        result = self.run(*arguments, limit=limit)
        assert result.code == 0, f"pullet {' '.join(arguments)} exited with {result.code}:\n{result.text}"
        return result

    def up(self, repository: Repository, *options: str) -> Result:
        return self.do("up", str(repository.path), "--port", str(self.port), *options)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULLET_")}
        return {**kept, "PULLET_HOME": str(self.home), "NO_COLOR": "1"}

    def advise(self, repository: str) -> None:
        """Which advisories dependencies are compared with. Before the daemon starts."""
        (self.home / "settings.toml").write_text(f'[assess]\nadvisories = "{repository}"\n')

    # -- what it says of itself ------------------------------------------------------------------------------------

    def status(self) -> Any:
        """`pullet status` also exits with 1 where an app is not ready."""
        result = self.run("status", "--json")
        assert result.code in (0, 1), result.text
        return json.loads(result.out)

    def app(self, name: str) -> Any:
        return next(row for row in self.status()["environments"] if row["app"] == name)

    def conditions(self, name: str) -> dict[str, Any]:
        return {row["type"]: row for row in self.app(name)["conditions"]}

    def deployments(self, name: str) -> Any:
        """The newest first."""
        return json.loads(self.do("deployments", name, "--json").out)

    def events(self, name: str) -> Any:
        """Only the API has them so far."""
        return self.api(f"apps/{name}/events")

    def api(self, path: str) -> Any:
        """A question to the daemon in some milliseconds, where starting a command line would take too long."""
        connection = _UnixConnection(str(self.home / "sockets" / "api.sock"))
        with contextlib.closing(connection):
            connection.request("GET", f"/v1/{path}")
            return json.loads(connection.getresponse().read())

    def ask_for(self, path: str, body: dict[str, str] | None = None, limit: float = 90.0) -> Any:
        """A request to the daemon that takes its time; returns the last line of its progress."""
        connection = _UnixConnection(str(self.home / "sockets" / "api.sock"), limit)
        with contextlib.closing(connection):
            said = json.dumps(body) if body else None
            connection.request("POST", f"/v1/{path}", said, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read().splitlines()[-1])

    def fleet_commits(self) -> int:
        done = subprocess.run(
            ("git", "-C", str(self.home / "fleet"), "rev-list", "--count", "HEAD"),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return int(done.stdout or 0)

    def daemon_pid(self) -> int:
        pid: int = self.status()["daemon_pid"]
        return pid

    def log_tail(self, lines: int = 60) -> str:
        try:
            text = (self.home / "logs" / "daemon.log").read_text(errors="replace")
        except OSError as err:
            return str(err)
        return "\n".join(text.splitlines()[-lines:])

    def answers(self) -> bool:
        try:
            self.api("openapi.json")
        except OSError:
            return False
        return True

    # -- what the world sees ---------------------------------------------------------------------------------------

    def get(self, name: str, path: str = "/", *, limit: float = 10.0) -> tuple[int, str]:
        return self.ask(f"{name}.localhost", path, limit=limit)

    def post(self, name: str, path: str = "/") -> tuple[int, str]:
        return self.ask(f"{name}.localhost", path, method="POST")

    def ask(self, host: str, path: str = "/", *, limit: float = 10.0, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
        with contextlib.closing(connection):
            connection.request(method, path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")

    def wait_for(self, name: str, body: str, limit: float = 30.0) -> None:
        until(lambda: self.get(name) == (200, body), limit, lambda: f"{self.get(name)!r}, not {body!r}")

    @contextlib.contextmanager
    def watching(self, name: str, rate: float = 25.0) -> Iterator[Watching]:
        """GET / all the while, on fresh connections."""
        watching, end = Watching(), threading.Event()

        def ask() -> None:
            while not end.wait(1 / rate):
                try:
                    status, body = self.get(name)
                    watching.answers.append(f"{status} {body}")
                except (OSError, http.client.HTTPException) as err:
                    watching.answers.append(repr(err))

        thread = threading.Thread(target=ask, name=f"watching {name}")
        thread.start()
        try:
            yield watching
        finally:
            end.set()
            thread.join(30)

    # -- its processes ---------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """The daemon as a service manager starts it; returns when it answers."""
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        with (self.home / "logs" / "daemon.log").open("ab") as log:
            daemon = subprocess.Popen(
                command_line("serve", "--port", str(self.port)),
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._daemons.append(daemon)
        until(lambda: daemon.poll() is not None or self.answers(), 30)
        assert daemon.poll() is None, f"the daemon ended with {daemon.returncode}:\n{self.log_tail()}"

    def kill_daemon(self) -> None:
        """SIGKILL, whatever it is at."""
        kill(self.lock_pid())

    def lock_pid(self) -> int:
        """The daemon's pid, without asking it."""
        return int((self.home / "daemon.lock").read_text())

    def processes(self, word: str = "") -> dict[int, str]:
        """Pid -> command line of everything that has this home in its command line, environment or folder."""
        marker = str(self.root).encode()
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                with contextlib.suppress(OSError):
                    command = (folder / "cmdline").read_bytes()
                    cwd = os.fsencode((folder / "cwd").readlink())
                    if marker in command + (folder / "environ").read_bytes() + cwd and alive(int(folder.name)):
                        found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return {pid: command for pid, command in found.items() if word in command}

    def instances(self, name: str) -> list[str]:
        """`2/web.0`: a process of a release that a shim looks after or has given up; spares are none."""
        folder = self.home / "run" / name / "production"
        found = (path.relative_to(folder) for path in folder.glob("*/*"))
        return sorted(str(path) for path in found if path.parts[0] != "spares")

    def shims(self, name: str) -> dict[int, str]:
        return self.processes(f"{self.home}/run/{name}/")

    def stop(self) -> None:
        self.do("stop")
        for daemon in self._daemons:
            daemon.wait(20)
        self._daemons.clear()

    def close(self) -> dict[int, str]:
        try:
            if (self.home / "daemon.lock").exists():
                if not self.answers():
                    self.serve()  # killed by a test: another daemon adopts what it left and ends it
                self.stop()
        finally:
            left = self._left()
            for pid in left:
                kill(pid)
            for daemon in self._daemons:
                daemon.wait(20)
            shutil.rmtree(self.root, ignore_errors=True)
        return left

    def _left(self) -> dict[int, str]:
        with contextlib.suppress(AssertionError):
            until(lambda: not self.processes(), 5)
        return self.processes()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, limit: float = 20.0) -> None:
        super().__init__("pullet", timeout=limit)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def kill(pid: int) -> None:
    """SIGKILL, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), 10)


def children(parent: int) -> list[int]:
    """Everything below a process."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found += [int(folder.name), *children(int(folder.name))]
    return found


def until(condition: Callable[[], object], limit: float, why: Callable[[], str] = lambda: "") -> None:
    """Wait for a condition, with a deadline in seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not so within {limit:g} s: {why()}"
        time.sleep(0.02)


def free_port() -> int:
    """Below the range that outgoing connections take theirs from."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
