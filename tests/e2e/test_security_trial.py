"""Where the gate is declared, a throw-away copy of the release is attacked before anybody sees the release."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pullet import Pullet, until
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples/django-photos"
_APP = """
import os
import sqlite3
import traceback

from flask import Flask, make_response

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"


def rows(statement):
    with sqlite3.connect("data.db") as database:
        return database.execute(statement).fetchall()


@app.get("/")
def first():
    return f"{version} {rows('select count(*) from visits')[0][0]}"


@app.get("/visit/<name>")
def visit(name):
    if len(name) > 20:
        raise ValueError(name)
    rows("insert into visits values (1)")
    return "seen"
"""
_TELLS = """

@app.errorhandler(Exception)
def told(err):
    return f"<pre>{traceback.format_exc()}</pre>", 500


@app.get("/report/<int:number>")
def report(number):
    return str(1 / 0)
"""
_SHOWS = """

@app.get("/page")
def page():
    answer = make_response("<script src='/assets/shop.js'></script>")
    answer.set_cookie("sessionid", "1", samesite="Lax")
    return answer
"""
_MEMBERS = """

@app.route("/login", methods=["GET", "POST"])
def login():
    from flask import redirect, request, session
    if request.method == "POST" and request.form["password"] == os.environ["SCAN_PASSWORD"]:
        session["name"] = "member"
        return redirect("/account")
    return "<form method=post><input name=name><input name=password type=password></form>"


@app.get("/account")
def account():
    from flask import redirect, session
    return "your account" if session.get("name") else redirect("/login")
"""
_LOGIN = """
path = "/login"
fields = { name = "SCAN_NAME", password = "SCAN_PASSWORD" }
check = "/account"
marker = "your account"
"""
_FILES = {
    "assets/shop.js": "1\n",
    "assets/shop.js.map": '{"version": 3, "sources": ["shop.ts"], "mappings": "AAAA"}\n',
}
_SLOW = """

@app.get("/slow")
def slow():
    import time
    time.sleep(3)
    return "at last"
"""
_MAKE = """
import sqlite3
with sqlite3.connect("data.db") as database:
    database.execute("create table if not exists visits (number integer)")
"""
_BURROW = """
import os
if "/trial-" in os.getcwd():
    folder = os.open(".", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=folder)
        folder, above = os.open("deep", os.O_RDONLY, dir_fd=folder), folder
        os.close(above)
"""
_GATE = """
[gates.security]
fail_on = "{fail_on}"

[secrets]
generated = ["SECRET_KEY", "SCAN_NAME", "SCAN_PASSWORD"]

[services.data]
type = "sqlite"
path = "data.db"

[static]
"/assets" = "assets"

[release]
commands = ["python make.py"]
"""


def shop(version: str, more: str = "", fail_on: str = "medium", command: str = _MAKE) -> dict[str, str]:
    return {
        "app.py": _APP.replace("{version}", version) + more,
        "make.py": command,
        "requirements.txt": "flask==3.1.0\n",
        "pullet.toml": _GATE.format(fail_on=fail_on),
    }


@pytest.fixture
def pullet() -> Iterator[Pullet]:
    one = Pullet()
    advisories = Repository(one.root / "advisories")
    advisories.commit({"vulns/nothing/PYSEC-2024-1.yaml": "id: PYSEC-2024-1\nsummary: none\naffected: []\n"})
    one.advise(str(advisories.path))
    try:
        yield one
    finally:
        left = one.close()
    assert not left


def settled(pullet: Pullet, revision: str) -> Any:
    pullet.run("sync", "shop", limit=180)
    newest = pullet.deployments("shop")[0]
    assert newest["revision"]["sha"] == revision
    return newest


def told(pullet: Pullet) -> Any:
    return json.loads(pullet.run("assess", "shop", "--format", "json").out)


def part(found: Any, name: str) -> Any:
    return next(each for each in found["parts"] if each["name"] == name)


def leftovers(pullet: Pullet) -> list[str]:
    found = []
    for folder, folders, names in os.walk(pullet.home):
        found += [f"{folder}/{name}" for name in (*folders, *names) if name.startswith("trial-")]
        folders[:] = [] if len(Path(folder).relative_to(pullet.home).parts) > 5 else folders
    return found


def test_what_only_a_running_copy_shows_holds_back(pullet: Pullet) -> None:
    repository = Repository(pullet.root / "shop")
    repository.commit(shop("one"))
    pullet.up(repository)
    assert pullet.get("shop") == (200, "one 0")
    assert part(told(pullet), "live")["state"] == "passed"
    assert leftovers(pullet) == []

    deployment = settled(pullet, repository.commit(shop("two", _TELLS + _SHOWS) | _FILES))
    assert (deployment["outcome"], deployment["error_code"]) == ("failed", "gate-failed")
    assert pullet.get("shop") == (200, "one 0"), "the attack reached the data of the environment"
    found = told(pullet)
    assert [each["spot"]["url"] for each in found["findings"] if each["blocks"] and each["cwe"] == 209]
    rules = {each["rule"] for each in found["findings"]}
    assert {"live/source-map", "live/cookie-httponly"} <= rules
    assert leftovers(pullet) == []

    deployment = settled(pullet, repository.commit(shop("three", command="raise SystemExit('no table')\n")))
    assert deployment["error_code"] == "gate-failed"
    assert "no table" in pullet.run("assess", "shop").text or part(told(pullet), "live")["state"] == "not-assessed"

    members = shop("four", _MEMBERS, fail_on="critical") | {".pullet/login.toml": _LOGIN}
    settled(pullet, repository.commit(members))
    assert part(told(pullet), "live")["state"] == "passed", "it was not logged in"
    pullet.wait_for("shop", "four 0")
    assert leftovers(pullet) == []


def of_trials(pullet: Pullet) -> list[str]:
    """Processes, databases and files."""
    databases = [row["database"] for row in services(pullet) if "trial-" in row["environment"]]
    return [*pullet.processes("/trial-").values(), *databases, *leftovers(pullet)]


def services(pullet: Pullet) -> Any:
    return json.loads(pullet.do("services", "--json").out)


def test_a_trial_has_a_database_a_queue_and_a_folder_of_its_own(pullet: Pullet) -> None:
    repository = Repository(pullet.root / "photos")
    shutil.copytree(EXAMPLE, repository.path, dirs_exist_ok=True)
    repository.commit({"pullet.toml": '[gates.security]\nfail_on = "critical"\n'})
    pullet.do("up", str(repository.path), "--port", str(pullet.port), limit=240)
    found = json.loads(pullet.run("assess", "photos", "--format", "json").out)
    framework = part(found, "framework")
    assert framework["state"] == "passed"
    assert framework["coverage"][0]["done"] > 20
    live = part(found, "live")
    assert live["state"] == "passed"
    assert "trial-" in live["data"]
    [routes] = [each for each in live["coverage"] if each["unit"] == "routes"]
    assert routes["done"] > 0
    assert any("began empty" in why for _, why in routes["excused"])
    assert {row["type"] for row in services(pullet)} == {"postgresql", "valkey", "volume"}
    assert of_trials(pullet) == []


def test_neither_a_kill_nor_a_stop_leaves_anything_of_a_trial(pullet: Pullet) -> None:
    """Nor what the app itself does so that it cannot be removed."""
    repository = Repository(pullet.root / "shop")
    repository.commit(shop("one"))
    pullet.up(repository)
    for version, end in (("two", pullet.kill_daemon), ("three", pullet.stop)):
        repository.commit(shop(version, _SLOW, command=_MAKE + _BURROW))
        until(lambda: any("app:app" in line for line in pullet.processes("/trial-").values()), 60, pullet.log_tail)
        end()
        assert leftovers(pullet) or end == pullet.stop, "it was over before the daemon was killed"
        pullet.up(repository)
        pullet.wait_for("shop", f"{version} 0", limit=120)
        until(lambda: not of_trials(pullet), 60, lambda: str(of_trials(pullet)))


def test_a_killed_daemon_leaves_no_trial(pullet: Pullet) -> None:
    repository = Repository(pullet.root / "shop")
    repository.commit(shop("one"))
    pullet.up(repository)
    repository.commit(shop("two", command=_MAKE + "import time\ntime.sleep(8)\n"))
    deadline = time.monotonic() + 60
    while not leftovers(pullet):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    os.kill(pullet.daemon_pid(), signal.SIGKILL)
    pullet.up(repository)
    pullet.wait_for("shop", "two 0", limit=120)
    assert leftovers(pullet) == []
