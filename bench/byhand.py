"""What a user has without Pullet, for the same apps: by hand (supervisord and nginx), and Piku's way (a uWSGI emperor).

Both serve the app behind the same nginx where there is one, bind loopback only, and end with the block. `deploy` does
what a person's deploy script, or Piku's git hook, does for a code-only commit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.apps import App, Repository, git
from bench.box import free_port

_UV = str(Path(sys.executable).with_name("uv"))


class Deployer:
    """A clone, an environment and the programs that serve it."""

    def __init__(self, folder: Path, app: App, repository: Repository) -> None:
        self.folder = folder
        self.app = app
        self.clone = folder / "clone"
        self.bin = folder / "venv/bin"
        self.app_port = free_port()
        self.port = free_port()
        git(folder, "clone", "--quiet", str(repository.folder), str(self.clone))
        run(_UV, "venv", "--quiet", str(folder / "venv"))
        self._programs: list[subprocess.Popen[bytes]] = []

    def install(self, *more: str) -> None:
        run(
            _UV, "pip", "install", "--quiet", "--python", self.python, "-r", str(self.clone / "requirements.txt"), *more
        )

    @property
    def python(self) -> str:
        return str(self.bin / "python")

    def begin(self, *argv: str) -> None:
        log = (self.folder / f"{Path(argv[0]).name}.log").open("wb")
        with log:
            self._programs.append(
                subprocess.Popen(argv, cwd=self.clone, stdout=log, stderr=log, start_new_session=True)
            )

    def front(self) -> None:
        """nginx before the app; where there is none the app is asked directly, which favours this side."""
        nginx = shutil.which("nginx")
        if nginx is None:
            self.port = self.app_port
            return
        configuration = self.folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=self.folder, port=self.port, app=self.app_port))
        self.begin(nginx, "-c", str(configuration), "-p", str(self.folder))

    def end(self) -> None:
        for program in reversed(self._programs):
            program.terminate()
            try:
                program.wait(15)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
                program.wait()

    def deploy(self) -> None:
        raise NotImplementedError


class ByHand(Deployer):
    """git pull, install into the same environment, restart under supervisord."""

    def start(self) -> None:
        self.install("supervisor")
        configuration = self.folder / "supervisord.conf"
        command = f"{self.bin}/{self.app.command} {_bind(self.app, self.app_port)}"
        configuration.write_text(_SUPERVISORD.format(folder=self.folder, command=command, clone=self.clone))
        self.begin(str(self.bin / "supervisord"), "--nodaemon", "-c", str(configuration))
        self.front()

    def deploy(self) -> None:
        git(self.clone, "pull", "--quiet", "--ff-only")
        self.install()
        run(str(self.bin / "supervisorctl"), "-c", str(self.folder / "supervisord.conf"), "restart", "app")


class Piku(Deployer):
    """What Piku's hook does: fetch and reset, `pip install -r`, then the app's uWSGI file is made anew and the emperor
    (with its usual scan every 3 s) takes it up. An ASGI app is a daemon attached to its vassal, as there."""

    def start(self) -> None:
        self.install("pyuwsgi", "pip")
        (self.folder / "enabled").mkdir()
        self.vassal()
        uwsgi = str(self.bin / "uwsgi")
        self.begin(uwsgi, "--binary-path", uwsgi, "--emperor", str(self.folder / "enabled"), "--die-on-term")
        self.front()

    def vassal(self) -> None:
        path = self.folder / "enabled/app.ini"
        path.unlink(missing_ok=True)
        way = f"attach-daemon = {self.bin}/{self.app.command} {_bind(self.app, self.app_port)}"
        if "uvicorn" not in self.app.command:
            way = f"http-socket = 127.0.0.1:{self.app_port}\nmodule = app:app\nprocesses = 1\nthreads = 4"
        path.write_text(_VASSAL.format(clone=self.clone, venv=self.folder / "venv", way=way))

    def deploy(self) -> None:
        git(self.clone, "fetch", "--quiet")
        git(self.clone, "reset", "--quiet", "--hard", "origin/main")
        run(
            self.python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            str(self.clone / "requirements.txt"),
        )
        self.vassal()


@contextlib.contextmanager
def deployed(way: type[ByHand] | type[Piku], app: App, repository: Repository) -> Iterator[Deployer]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        Path(folder).chmod(0o755)
        made = way(Path(folder), app, repository)
        try:
            made.start()
            yield made
        finally:
            made.end()


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, timeout=120, stdout=subprocess.DEVNULL)


def _bind(app: App, port: int) -> str:
    return f"--port {port}" if "uvicorn" in app.command else f"--bind 127.0.0.1:{port}"


def available() -> Sequence[str]:
    """What is not there and so not part of the comparison."""
    return () if shutil.which("nginx") else ("nginx is not installed (apt-get install nginx-light): asked directly",)


_SUPERVISORD = """
[unix_http_server]
file={folder}/supervisor.sock
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/supervisor.sock
[program:app]
command={command}
directory={clone}
"""
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{app}; proxy_set_header Host $host; }}
    }}
}}
"""
_VASSAL = """[uwsgi]
chdir = {clone}
virtualenv = {venv}
master = true
die-on-term = true
need-app = false
vacuum = true
{way}
"""
