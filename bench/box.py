"""A Pullet of its own for a benchmark: a home, a port, repositories, the real command line and the real daemon."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
_GIT = ("git", "-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Box:
    folder: Path
    port: int

    def pullet(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pullet.cli.main", *arguments],
            env={**os.environ, "PULLET_HOME": str(self.folder / "home")},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if check and done.returncode != 0:
            raise SystemExit(f"pullet {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.pullet(*arguments, "--json", check=False))

    def repository(self, example: str, name: str | None = None) -> Repository:
        folder = self.folder / (name or example)
        shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
        made = Repository(folder)
        made.git("init", "-q", "-b", "main")
        made.commit("first")
        return made

    def up(self, repository: Repository) -> None:
        self.pullet("up", str(repository.folder), "--port", str(self.port))

    def page(self, app: str, path: str = "/") -> str:
        return get(self.port, f"{app}.localhost", path)

    def wait_for_spare(self, app: str) -> None:
        def there() -> bool:
            [environment] = self.json("status", app)["environments"]
            return any(spare["ready"] for spare in environment["spares"])

        wait(there, pause=0.1)


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str) -> None:
        subprocess.run([*_GIT, "-C", str(self.folder), *arguments], check=True, timeout=60)

    def commit(self, message: str) -> float:
        """Commit everything; the moment when it was done, in seconds since the epoch."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return time.time()

    def greet(self, greeting: str) -> float:
        """Change the greeting that every example has, and commit."""
        [file] = [path for path in self.folder.rglob("*.py") if "GREETING = " in path.read_text()]
        lines = [
            f'GREETING = "{greeting}"' if line.startswith("GREETING = ") else line
            for line in file.read_text().splitlines()
        ]
        file.write_text("\n".join(lines) + "\n")
        return self.commit(greeting)

    def configure(self, pullet_toml: str) -> None:
        (self.folder / "pullet.toml").write_text(pullet_toml)
        self.commit("configure")


@contextlib.contextmanager
def box() -> Iterator[Box]:
    """Ends everything it started, whatever happens."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit ends it as Ctrl-C does: cleanly
    folder = Path(tempfile.mkdtemp(prefix="pullet-bench-"))
    folder.chmod(0o711)
    made = Box(folder, free_port())
    try:
        yield made
    finally:
        made.pullet("stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def get(port: int, host: str, path: str = "/") -> str:
    """The body, whatever the status; empty where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def wait(met: Callable[[], bool], *, limit: float = 60.0, pause: float = 0.002) -> float:
    """The moment when it was met, in seconds since the epoch."""
    deadline = time.monotonic() + limit
    while not met():
        if time.monotonic() > deadline:
            raise SystemExit(f"not so within {limit} s")
        time.sleep(pause)
    return time.time()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spread(values: Sequence[float]) -> str:
    """`median (least-most)`."""
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
