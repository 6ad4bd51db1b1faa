"""Data of an app by the command line, and what may go wrong with them: locks, kills, migrations, schedules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e.pullet import Pullet, command_line, until
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

_APP = """
import os, sqlite3, psycopg

def app(environ, start_response):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        if environ["REQUEST_METHOD"] == "POST":
            database.execute("INSERT INTO note (text) VALUES (%s)", (environ["PATH_INFO"],))
        [(count,)] = database.execute("SELECT count(*) FROM note")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"v1 {count}".encode()]
"""
_MIGRATE = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("CREATE TABLE IF NOT EXISTS note (id bigserial PRIMARY KEY, text text)")
"""
_TOML = """
[release]
commands = ["python migrate.py"]
[schedule.endless]
cron = "* * * * *"
command = "python -c 'import time; print(1, flush=True); time.sleep(600)'"
limit = "2s"
"""


@pytest.fixture(scope="module")
def pullet() -> Iterator[Pullet]:
    made = Pullet()
    made.home.mkdir(mode=0o711, exist_ok=True)
    (made.home / "settings.toml").write_text("[limits]\nrelease_command = '4s'\n")
    yield made
    assert not made.close(), "processes outlived `pullet stop`"


@pytest.fixture(scope="module")
def notes(pullet: Pullet) -> Repository:
    made = Repository(pullet.root / "repositories" / "notes")
    files = {"app.py": _APP, "migrate.py": _MIGRATE, "pullet.toml": _TOML, "requirements.txt": "psycopg[binary]\n"}
    made.commit(files)
    pullet.up(made)
    return made


def count(pullet: Pullet, host: str = "notes.localhost") -> int:
    status, body = pullet.ask(host)
    assert status == 200, body
    return int(body.split()[1])


def add(pullet: Pullet, number: int = 1) -> None:
    for _ in range(number):
        pullet.do("run", "notes", "--", "python", "-c", _ADD)


_ADD = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("INSERT INTO note (text) VALUES ('by hand')")
"""
_HOLD = """
import os, time, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("LOCK TABLE note IN ACCESS SHARE MODE")
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_dump_comes_back_and_a_copy_goes_its_own_way(pullet: Pullet, notes: Repository) -> None:
    add(pullet, 2)
    dump = pullet.root / "notes.dump"
    pullet.do("db", "dump", "notes", str(dump))
    add(pullet)
    assert count(pullet) == 3
    assert pullet.run("db", "dump", "notes", str(dump)).code == 2  # a file that is there is never overwritten
    pullet.do("db", "restore", "notes", str(dump), "--yes")
    assert count(pullet) == 2
    notes.git("branch", "staging")
    pullet.do("previews", "notes", "--enable", "--clone-data-from", "production")
    until(lambda: pullet.ask("staging--notes.localhost")[0] == 200, 60)
    assert count(pullet, "staging--notes.localhost") == 2
    add(pullet)
    pullet.do("db", "clone", "notes", "--environment", "staging", "--from", "production", "--yes")
    assert count(pullet, "staging--notes.localhost") == 3
    notes.git("branch", "-D", "staging")


def test_a_shell_reads_statements_from_a_pipe(pullet: Pullet, notes: Repository) -> None:
    asked = subprocess.run(
        command_line("db", "shell", "notes"),
        input=b"SELECT 'rows ' || count(*) FROM note;\n",
        env=pullet.environment(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (asked.returncode, f"rows {count(pullet)}" in asked.stdout.decode()) == (0, True), asked


def test_a_migration_that_waits_for_a_lock_ends_and_the_old_release_serves(pullet: Pullet, notes: Repository) -> None:
    before = count(pullet)
    hold = command_line("run", "notes", "--", "python", "-c", _HOLD)
    environment, nothing, pipe = pullet.environment(), subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(hold, env=environment, stdin=nothing, stdout=pipe) as holder:
        assert holder.stdout and holder.stdout.readline() == b"locked\n"
        more = 'import sys\nprint("waits", flush=True)\n'
        changed = _MIGRATE + "    database.execute('ALTER TABLE note ADD COLUMN more text')\n"
        notes.commit({"migrate.py": more + changed})
        failed = pullet.run("sync", "notes")
        holder.send_signal(signal.SIGINT)
    assert failed.code == 1 and "python migrate.py" in failed.text and "4 s" in failed.text
    assert count(pullet) == before
    failure = next(row for row in pullet.deployments("notes") if row["outcome"] == "failed")
    assert "waits" in pullet.do("logs", "notes", "--deployment", str(failure["number"])).text
    pullet.do("sync", "notes")  # nobody holds it any more
    assert count(pullet) == before


def test_a_snapshot_undoes_what_a_broken_migration_did(pullet: Pullet, notes: Repository) -> None:
    add(pullet)
    before = count(pullet)
    broken = "    database.execute('DELETE FROM note')\n    database.commit()\n    raise SystemExit('no further')\n"
    notes.commit({"migrate.py": _MIGRATE + broken})
    failed = pullet.run("sync", "notes")
    assert failed.code == 1 and "pullet db restore notes" in failed.text
    assert count(pullet) == 0
    pullet.do("db", "restore", "notes", "--snapshot", "--yes")
    assert count(pullet) == before
    notes.commit({"migrate.py": _MIGRATE})
    pullet.do("sync", "notes")


def test_a_killed_server_costs_no_row_that_was_acknowledged(pullet: Pullet, notes: Repository) -> None:
    """The app opens connections anew, as any that checks its pool does."""
    before, acknowledged, over = count(pullet), 0, threading.Event()
    wanted: list[int] = []

    def write() -> None:
        nonlocal acknowledged
        while not over.is_set():
            acknowledged += pullet.post("notes", "/x")[0] == 200

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        time.sleep(0.5)

        servers = [pid for pid, line in pullet.processes("postgres").items() if "config_file=" in line]
        assert servers
        for pid in servers:
            os.kill(pid, signal.SIGKILL)
        wanted.append(acknowledged + 3)
        until(lambda: acknowledged > wanted[-1], 30)
    over.set()
    writer.join(20)
    assert count(pullet) >= before + acknowledged
    assert pullet.app("notes")["release"] == pullet.deployments("notes")[0]["release"]


def test_a_schedule_that_never_ends_is_ended_and_never_runs_twice_at_once(pullet: Pullet, notes: Repository) -> None:
    def runs() -> list[dict[str, object]]:
        [schedule] = json.loads(pullet.do("schedules", "notes", "--json").out)
        return [run for run in schedule["runs"] if run["finished"]]

    until(runs, 90, lambda: str(pullet.events("notes")))
    assert runs()[0]["exit_code"] == 124
    assert "2 s" in pullet.do("schedules", "notes", "endless").text + str(runs()[0])
