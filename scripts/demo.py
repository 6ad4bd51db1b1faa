"""The main job on a real app, from nothing. `scripts/demo` runs it; see there."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PULLET = [sys.executable, "-m", "pullet.cli.main"]
OLD, NEW = "Hello from Flask", "Hello again, from a new commit"
IDENTITY = {"user.name": "Demo", "user.email": "demo@localhost", "commit.gpgsign": "false"}
LIMIT = 60.0  # seconds for a page to appear


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="assert that it works, then end")
    parser.add_argument("--port", type=int, default=0, help="router port; default: 8080 if it is free, else another")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with workplace() as folder:
            return run(folder, options.port or free_port(), check=options.check)
    except KeyboardInterrupt:
        print("\nStopped; nothing of the demo is left.")
        return 0 if not options.check else 130
    except subprocess.CalledProcessError as err:
        print(f"demo: `{' '.join(map(str, err.cmd[-3:]))}` failed with exit code {err.returncode}", file=sys.stderr)
        return 1


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A folder of its own that other users may pass through, since apps and the router run as such."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-demo-"))
    folder.chmod(0o711)
    home = new_home(folder)
    os.environ["PULLET_HOME"] = str(home)
    try:
        yield folder
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
        subprocess.run([*PULLET, "stop"], check=False, stdout=subprocess.DEVNULL)
        for made in (folder, home):
            shutil.rmtree(made, ignore_errors=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def new_home(folder: Path) -> Path:
    """`$PULLET_HOME` where it is set; one in use would be ended and removed with the demo, so it must be empty."""
    home = Path(os.environ.get("PULLET_HOME") or folder / "home").expanduser().absolute()
    if home.exists() and any(home.iterdir()):
        folder.rmdir()
        raise SystemExit(f"demo: {home} is in use. Unset PULLET_HOME, or name an empty folder: the demo removes it.")
    return home


def run(folder: Path, port: int, *, check: bool) -> int:
    repository = make_repository(folder / "hello")
    print(f"$ pullet up {repository} --port {port}", flush=True)
    subprocess.run([*PULLET, "up", str(repository), "--port", str(port)], check=True)
    wait_for(port, OLD)
    if check:
        return check_push(repository, port)
    print(
        f"""
It is live. Look at it:  http://hello.localhost:{port}
                         curl -H 'Host: hello.localhost' http://127.0.0.1:{port}/
Push a change:           sed -i "s/^MESSAGE = .*/MESSAGE = 'Hello, you'/" {repository}/app.py
                         git -C {repository} commit -am "A new greeting"
Watch:                   PULLET_HOME={os.environ["PULLET_HOME"]} {CHECKOUT}/scripts/pullet status
End everything:          Ctrl-C here
""",
        flush=True,
    )
    while True:
        signal.pause()


def check_push(repository: Path, port: int) -> int:
    print(f"The page says {OLD!r}. Pushing a change …", flush=True)
    app = repository / "app.py"
    app.write_text(app.read_text().replace(OLD, NEW))
    git(repository, "commit", "-qam", "A new greeting")
    began = time.monotonic()
    wait_for(port, NEW)
    print(f"The page says {NEW!r}, {time.monotonic() - began:.2f} s after the commit.", flush=True)
    subprocess.run([*PULLET, "status"], check=True)
    subprocess.run([*PULLET, "deployments", "hello"], check=True)
    return 0


def make_repository(folder: Path) -> Path:
    shutil.copytree(CHECKOUT / "examples" / "flask-hello", folder, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q", "-b", "main")
    for setting, value in IDENTITY.items():  # so that the command shown works on a machine where git knows nobody
        git(folder, "config", setting, value)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "A first greeting")
    return folder


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repository), *arguments], check=True)


def wait_for(port: int, text: str) -> None:
    """Until the page has the text, as a visitor sees it through the router."""
    deadline = time.monotonic() + LIMIT
    while text not in (page := get(port)):
        if time.monotonic() > deadline:
            raise SystemExit(f"demo: the page does not say {text!r} after {LIMIT:.0f} s, but:\n{page[:500]}")
        time.sleep(0.02)


def get(port: int) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "hello.localhost"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as err:
        return err.read().decode("utf-8", "replace")
    except OSError as err:
        return str(err)


def free_port() -> int:
    for wanted in (8080, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", wanted))
            return int(probe.getsockname()[1])
    raise SystemExit("demo: no free port")


if __name__ == "__main__":
    sys.exit(main())
