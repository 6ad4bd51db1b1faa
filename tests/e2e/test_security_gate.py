"""A declared gate holds back what brings new holes, and lets the mended commit live."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import string
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pullet import Pullet
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

_CLEAN = """
import os
import sqlite3

from flask import Flask

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"


@app.get("/")
def first():
    return "{version}"
"""
_SQL = """

def find(name):
    rows = sqlite3.connect(":memory:").execute(f"select * from users where name = '{name}'")
    return str(list(rows))
"""
_GATE = '[gates.security]\nfail_on = "high"\n\n[secrets]\ngenerated = ["SECRET_KEY"]\n'
_ADVISORY = """\
id: PYSEC-2024-60
summary: A long text takes quadratic time to encode.
affected:
- package: {name: idna, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events:
    - introduced: "0"
    - fixed: "3.7"
aliases: [CVE-2024-3651]
"""


def clean(version: str) -> dict[str, str]:
    return {
        "app.py": _CLEAN.replace("{version}", version),
        "requirements.txt": "flask==3.1.0\nidna==3.7\n",
        "pullet.toml": _GATE,
    }


def leaked_key() -> str:
    """Of the form of a cloud's keys, and of nobody."""
    letters = random.Random(7)
    return "AKIA" + "".join(letters.choice(string.ascii_uppercase + "234567") for _ in range(16))


@pytest.fixture
def pullet() -> Iterator[Pullet]:
    one = Pullet()
    advisories = Repository(one.root / "advisories")
    advisories.commit({"vulns/idna/PYSEC-2024-60.yaml": _ADVISORY})
    one.advise(str(advisories.path))
    try:
        yield one
    finally:
        left = one.close()
    assert not left


@pytest.fixture
def shop(pullet: Pullet) -> Repository:
    """Live and clean, with the gate declared."""
    repository = Repository(pullet.root / "shop")
    repository.commit(clean("one"))
    pullet.up(repository)
    assert pullet.get("shop") == (200, "one")
    return repository


def settled(pullet: Pullet, revision: str) -> Any:
    """The deployment of the commit, once it is over."""
    pullet.run("sync", "shop", limit=120)
    newest = pullet.deployments("shop")[0]
    assert newest["revision"]["sha"] == revision
    return newest


def told(pullet: Pullet, code: int) -> Any:
    result = pullet.run("assess", "shop", "--format", "json")
    assert result.code == code, result.text
    return json.loads(result.out)


def standing(found: Any, name: str) -> list[Any]:
    return [each for each in found["findings"] if each["standing"] == name]


def test_what_is_new_holds_a_commit_back_until_it_is_mended(pullet: Pullet, shop: Repository) -> None:
    broken = clean("two")
    broken["app.py"] += _SQL + '\napp.config["DEBUG"] = True\n'
    broken["requirements.txt"] = "flask==3.1.0\nidna==3.6\n"
    broken["deploy.cfg"] = f"aws_access_key_id = {leaked_key()}\n"
    revision = shop.commit(broken)
    deployment = settled(pullet, revision)
    assert (deployment["outcome"], deployment["error_code"]) == ("failed", "gate-failed")
    assert pullet.get("shop") == (200, "one")

    found = told(pullet, 1)
    blocking = [each for each in found["findings"] if each["blocks"]]
    assert {(each["cwe"], each["spot"]["path"], each["top_ten_2025"].split(":")[0]) for each in blocking} == {
        (489, "app.py", "A02"),
        (798, "deploy.cfg", "A07"),
        (1395, "requirements.txt", "A03"),
    }
    assert all(each["spot"]["commit"] == revision for each in blocking if each["cwe"] != 1395)
    assert next(each for each in blocking if each["cwe"] == 1395)["fixed_in"] == "3.7"
    [query] = [each for each in found["findings"] if each["cwe"] == 89 and each["basis"] == "pattern"]
    assert (query["function"], query["blocks"]) == ("find", False)
    assert leaked_key() not in json.dumps(found)

    waivers = "".join(
        f'[[waiver]]\nfingerprint = "{each["fingerprint"]}"\nreason = "no"\nowner = "Ada"\nexpires = 2099-01-01\n'
        for each in blocking
    )
    revision = shop.commit({".pullet/waivers.toml": waivers})
    assert settled(pullet, revision)["error_code"] == "gate-failed", "a commit has waived itself"
    assert pullet.get("shop") == (200, "one")

    shop.commit({"pullet.toml": _GATE.partition("\n\n")[2]})
    assert settled(pullet, shop.git("rev-parse", "HEAD"))["error_code"] == "gate-failed", "it took its gate away"

    revision = shop.commit(clean("three"), "deploy.cfg", ".pullet/waivers.toml")
    assert settled(pullet, revision)["outcome"] == "succeeded"
    pullet.wait_for("shop", "three")
    found = told(pullet, 0)
    assert found["state"] == "passed"
    [leaked] = [each for each in found["findings"] if each["cwe"] == 798]
    assert "history" in leaked["title"]


def test_an_engine_that_is_killed_is_no_pass(pullet: Pullet, shop: Repository) -> None:
    with killing("/bin/gitleaks", pullet.root):
        revision = shop.commit(clean("two"))
        deployment = settled(pullet, revision)
    assert deployment["error_code"] == "gate-failed"
    assert "secrets" in deployment["context"]
    assert pullet.get("shop") == (200, "one")
    found = told(pullet, 3)
    assert {each["name"]: each["state"] for each in found["parts"]}["secrets"] == "not-assessed"


@contextlib.contextmanager
def killing(program: str, root: Path) -> Iterator[None]:
    """Whatever runs under that name for this home, as soon as it is seen."""
    end = threading.Event()

    def strike() -> None:
        while not end.is_set():
            for folder in Path("/proc").iterdir():
                with contextlib.suppress(OSError):
                    if folder.name.isdigit() and is_ours((folder / "cmdline").read_bytes().split(b"\0")):
                        os.kill(int(folder.name), signal.SIGKILL)

    def is_ours(argv: list[bytes]) -> bool:
        return argv[0].endswith(program.encode()) and any(str(root).encode() in each for each in argv)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_this_repository_meets_its_own_gate(pullet: Pullet) -> None:
    """With every engine there is. Advisories are those of the test: the newest ones are for who has a network."""
    checkout = Path(__file__).parents[2]
    advisories = str(pullet.root / "advisories")
    result = pullet.run("assess", str(checkout), "--advisories", advisories, "--format", "json", limit=300)
    found = json.loads(result.out)
    assert [each for each in found["findings"] if each["blocks"]] == []
    assert {each["name"]: each["why"] for each in found["parts"] if each["state"] != "passed"} == {}
    assert {"configuration", "secrets", "dependencies", "flow", "code"} <= {each["name"] for each in found["parts"]}
    assert result.code == 0
