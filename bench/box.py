"""A whole Pullet in a home of its own, driven through its command line and looked at through its API."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pullet.domain.home import Home

_PULLET = Path(sys.executable).with_name("pullet")
_HASTE = 0.003  # seconds between two looks at what a visitor gets


class Box:
    """Pullet as a user has it."""

    def __init__(self, home: Path, port: int, environment: dict[str, str]) -> None:
        self.home = Home(home)
        self.port = port
        self._environment = {**os.environ, "PULLET_HOME": str(home), **environment}

    def pullet(self, *arguments: str, timeout: float = 300) -> str:
        """Run the command line; an exit code but 0 ends the benchmark with what it said."""
        done = subprocess.run(
            [_PULLET, *arguments], env=self._environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise RuntimeError(f"pullet {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self, folder: Path, name: str) -> None:
        self.pullet("up", str(folder), "--name", name, "--port", str(self.port))

    def status(self, app: str) -> dict[str, Any]:
        every: list[dict[str, Any]] = self.ask("/v1/status")["environments"]
        return next(each for each in every if each["app"] == app)

    def daemon(self) -> int:
        return int(self.ask("/v1/status")["daemon_pid"])

    def deployment(self, app: str) -> dict[str, Any]:
        newest: dict[str, Any] = self.ask(f"/v1/apps/{app}/deployments?limit=1")[0]
        return newest

    def ask(self, path: str) -> Any:
        connection = _UnixConnection(str(self.home.api_socket))
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            return json.loads(body)
        finally:
            connection.close()

    def settled(self, app: str, *, spare: bool) -> None:
        """Until the latest deployment has ended, nothing of a former release is left, and the spare is ready."""

        def done() -> bool:
            status = self.status(app)
            ready = any(each["ready"] for each in status["spares"])
            return status["deployment"]["outcome"] == "succeeded" and (ready or not spare)

        until(done, f"{app} settled")


@contextlib.contextmanager
def box(**environment: str) -> Iterator[Box]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o711)
    made = Box(folder / "home", free_port(), environment)
    made.home.root.mkdir(mode=0o711)
    try:
        yield made
    except BaseException:
        time.sleep(0.5)  # an answer of 500 comes before its reason is in the log
        with contextlib.suppress(OSError):
            print(made.home.daemon_log.read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        with contextlib.suppress(RuntimeError):
            made.pullet("stop", timeout=90)
        shutil.rmtree(folder, ignore_errors=True)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def first_answer(port: int, host: str, wanted: str, *, limit: float = 30) -> float:
    """Ask every few milliseconds until the page is `wanted`; returns when it was (seconds since the epoch)."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(port, host) == wanted:
                return time.time()
        time.sleep(_HASTE)
    raise TimeoutError(f"{host} did not answer {wanted} within {limit:.0f} s")


def ask(port: int, host: str, path: str = "/") -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().read().decode("utf-8", "replace")
    finally:
        connection.close()


def until(condition: Callable[[], bool], what: str, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit:.0f} s")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spread(values: Sequence[float], digits: int = 0) -> str:
    """`median (least-most)`."""
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def memory_of(pid: int) -> int:
    """Resident bytes of this one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Watched(threading.Thread):
    """What a process and all below it take, looked at every 20 ms; what lives shorter may not be seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.memory = 0
        """Resident bytes of all at a time, at most; what is shared counts as often as it is mapped."""
        self._pid = pid
        self._over = threading.Event()
        self._processor: dict[tuple[int, int], float] = {}

    @property
    def processor(self) -> float:
        """Seconds, of all together."""
        return sum(self._processor.values())

    def run(self) -> None:
        while not self._over.wait(0.02):
            family = _family(self._pid)
            self.memory = max(self.memory, sum(map(_resident, family)))
            for pid in family:
                with contextlib.suppress(OSError, IndexError):
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    own = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
                    self._processor[pid, int(fields[19])] = own  # with its start, as ids are used again

    def __enter__(self) -> Watched:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def _family(top: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    found = [top]
    for pid in found:
        found += parents.get(pid, [])
    return found


def _resident(pid: int) -> int:
    try:
        return memory_of(pid)
    except (OSError, IndexError):
        return 0


def cpu_of(pid: int) -> float:
    """Seconds of processor time that the process and the children it has waited for have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    load, system = os.getloadavg()[0], f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, load {load:.1f}, {system}, Python {platform.python_version()}"
