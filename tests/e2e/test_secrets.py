"""A secret reaches the app and nothing else: not a log, a process list, an answer, a build or any other file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.pullet import Pullet, Result, command_line, until
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

VALUE = "s3cr3t-cHeRrY 'quoted' \"pie\"/42"
PEM = "-----BEGIN TEST-----\nMIIEcherrycherrycherry0\nMIIEcherrycherrycherry1\n-----END TEST-----\n"
TRACES = [b"s3cr3t", b"cHeRrY", b"cherrycherry"]

_APP = """
import json, os, sys, urllib.parse
KEY = os.environ["STRIPE_KEY"]
print("starting with", KEY, flush=True)
print(repr(KEY), json.dumps({"key": KEY}), urllib.parse.quote(KEY), file=sys.stderr, flush=True)
print(os.environ.get("PEM", ""), "x" * 16370 + KEY + "y" * 16384, flush=True)

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Key", urllib.parse.quote(KEY))])
    return [KEY.encode()]
"""
_BUILD = """[build]
commands = ["python -c \\"import os; print('while building:', os.environ['STRIPE_KEY'], os.environ.get('PEM'))\\""]
"""
_FILE = '[secrets]\nrequired = ["STRIPE_KEY"]\ngenerated = ["SESSION_KEY"]\n' + _BUILD
_FAILING = """import os
def migrate(key):
    raise ValueError(f"cannot log in with {key!r}: {key}")
migrate(os.environ["STRIPE_KEY"])
"""


def give(pullet: Pullet, value: str, *arguments: str) -> Result:
    """A command with the value on its standard input."""
    done = subprocess.run(
        command_line(*arguments),
        env=pullet.environment(),
        input=value,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def traces(data: bytes) -> list[bytes]:
    return [trace for trace in TRACES if trace in data]


@contextmanager
def looking_at_processes() -> Iterator[set[str]]:
    """Command lines of the box that show a secret, looked for all the while."""
    found: set[str] = set()
    end = threading.Event()

    def look() -> None:
        while not end.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    command = path.read_bytes()
                except OSError:
                    continue
                if traces(command):
                    found.add(command.decode(errors="replace"))

    thread = threading.Thread(target=look, name="looking at processes")
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join(30)


def files_with_traces(pullet: Pullet) -> set[str]:
    """Files below the home that show a secret; where the shims keep it, it is for nobody but Pullet."""
    found = set()
    for folder, _, names in os.walk(pullet.home):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not stat.S_ISREG(path.stat().st_mode) or not traces(path.read_bytes()):
                continue
            inside = path.relative_to(pullet.home)
            if inside.parts[0] == "run" and inside.name == "spec.json":
                assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o600, os.geteuid())
                assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            else:
                found.add(str(inside))
    return found


def answers(pullet: Pullet, name: str) -> Iterator[str]:
    for path in ("status", "key", "doctor", f"apps/{name}"):
        yield json.dumps(pullet.api(path))
    for path in ("deployments", "events", "explain", "secrets"):
        yield json.dumps(pullet.api(f"apps/{name}/{path}"))
    yield pullet.do("logs", name, "--lines", "10000").text
    for deployment in pullet.deployments(name):
        yield pullet.do("logs", name, "--deployment", str(deployment["number"])).text


def history(pullet: Pullet) -> str:
    """Everything that was ever committed to the fleet."""
    return subprocess.run(
        ("git", "-C", str(pullet.home / "fleet"), "log", "--patch", "--all"),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout


def test_a_secret_reaches_the_app_and_nothing_else(own: Pullet, new_repository: Callable[[Pullet], Repository]) -> None:
    repository = new_repository(own)
    name = repository.name
    repository.commit({"app.py": _APP, "pullet.toml": _FILE})
    refused = own.run("up", str(repository.path), "--port", str(own.port))
    assert refused.code == 1
    assert f"{name}/production needs STRIPE_KEY" in refused.text
    assert f"pullet secrets set {name} STRIPE_KEY" in refused.text
    assert own.instances(name) == []
    assert _states(own, name) == {"STRIPE_KEY": "missing", "SESSION_KEY": "generated"}

    with looking_at_processes() as shown:
        done = give(own, VALUE + "\n", "secrets", "set", name, "STRIPE_KEY")
        assert done.code == 0, done.text
        assert own.get(name) == (200, VALUE)
        (own.root / "pem").write_text(PEM)
        done = own.do("secrets", "set", name, "PEM", "--from-file", str(own.root / "pem"))
        (own.root / "pem").unlink()
        repository.commit(
            {"migrate.py": _FAILING, "pullet.toml": _FILE + '[release]\ncommands = ["python migrate.py"]'}
        )
        failed = own.run("sync", name)
    assert failed.code == 1
    assert "[release-command-failed]" in failed.text
    assert "cannot log in with '***': ***" in failed.text
    assert own.get(name) == (200, VALUE)
    assert shown == set()

    log = own.do("logs", name, "--lines", "1000").out
    assert "starting with ***" in log
    assert log.count("***") >= 7
    for said in (done.text, failed.text, *answers(own, name), history(own)):
        assert [line for line in said.splitlines() if traces(line.encode())] == []
    assert files_with_traces(own) == set()
    assert _states(own, name) == {"STRIPE_KEY": "sealed", "SESSION_KEY": "generated", "PEM": "sealed"}
    built = own.do("logs", name, "--deployment", str(own.deployments(name)[1]["number"])).text
    assert "while building: " in built

    commits = history(own)
    assert f"set secret STRIPE_KEY of {name}/production" in commits
    key = own.home / "target.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert own.do("key").out.startswith("age1")


def _states(pullet: Pullet, name: str) -> dict[str, str]:
    return {row["name"]: row["state"] for row in json.loads(pullet.do("secrets", "list", name, "--json").out)}


_SHOWING = """
import hashlib, os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [hashlib.sha256(os.environ["SESSION_KEY"].encode()).hexdigest().encode()]
"""


def test_rotation_redeploys_and_a_moved_secret_is_refused(
    pullet: Pullet, new_repository: Callable[[Pullet], Repository]
) -> None:
    repository = new_repository(pullet)
    name = repository.name
    repository.commit({"app.py": _SHOWING, "pullet.toml": '[secrets]\ngenerated = ["SESSION_KEY"]\n'})
    pullet.up(repository)
    first = pullet.get(name)[1]
    pullet.do("secrets", "rotate", name, "SESSION_KEY")
    second = pullet.get(name)[1]
    assert second != first
    assert pullet.deployments(name)[0]["trigger"] == "configuration"
    assert _states(pullet, name) == {"SESSION_KEY": "sealed"}

    refused = pullet.run("secrets", "rotate", name, "OTHER")
    assert (refused.code, "is not generated" in refused.text) == (2, True)
    refused = give(pullet, "x", "secrets", "set", name, "LD_PRELOAD")
    assert (refused.code, "the C library obeys it" in refused.text) == (2, True)

    # Somebody who can write to the fleet copies the sealed value under another name, to have the app show it.
    file = pullet.home / "fleet" / "targets" / "box" / "apps" / f"{name}.toml"
    file.write_text(file.read_text().replace("SESSION_KEY", "PRINTED"))
    _git(pullet, "commit", "--quiet", "--all", "--message", "move")
    until(lambda: pullet.deployments(name)[0]["error_code"] == "secret-unreadable", 20)
    assert f"it was sealed as SESSION_KEY of {name}/production" in pullet.deployments(name)[0]["error"]
    assert pullet.get(name) == (200, second)
    assert _states(pullet, name) == {"PRINTED": "unreadable", "SESSION_KEY": "generated"}
    back = pullet.do("secrets", "unset", name, "PRINTED")
    assert pullet.get(name) == (200, first), back.text

    public = pullet.do("key").out.strip()
    line = give(pullet, "mine", "secrets", "seal", name, "SESSION_KEY", "--recipient", public).out
    text = file.read_text()
    file.write_text(text + ("" if "production.secrets]" in text else "\n[environments.production.secrets]\n") + line)
    _git(pullet, "commit", "--quiet", "--all", "--message", "sealed elsewhere")
    pullet.wait_for(name, hashlib.sha256(b"mine").hexdigest())
    pullet.do("down", name)


def _git(pullet: Pullet, *arguments: str) -> None:
    identity = ("-c", "user.name=Eve", "-c", "user.email=e@v")
    subprocess.run(("git", "-C", str(pullet.home / "fleet"), *identity, *arguments), check=True, timeout=20)
