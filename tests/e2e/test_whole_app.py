"""A whole application: Django with PostgreSQL, a Celery worker over Valkey, a schedule and a media folder.

It is deployed as it is. Its branch has a copy of the data; a migration that breaks changes nothing; a backup comes back
on an empty home.
"""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pullet import Pullet, until
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples/django-photos"
_BROKEN = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("photos", "0001_initial")]
    operations = [
        migrations.RunSQL("DELETE FROM photos_photo"),
        migrations.RunSQL("ALTER TABLE photos_nowhere ADD COLUMN x integer"),
    ]
"""


@pytest.fixture(scope="module")
def pullet() -> Iterator[Pullet]:
    made = Pullet()
    yield made
    assert not made.close(), "processes outlived `pullet stop`"


@pytest.fixture(scope="module")
def repository(pullet: Pullet) -> Repository:
    made = Repository(pullet.root / "repositories" / "photos")
    shutil.copytree(EXAMPLE, made.path, dirs_exist_ok=True)
    made.push()
    return made


@pytest.fixture(scope="module")
def photos(pullet: Pullet, repository: Repository) -> Repository:
    pullet.do("up", str(repository.path), "--port", str(pullet.port), limit=180)
    return repository


def counts(pullet: Pullet, host: str = "photos.localhost") -> dict[str, int]:
    status, body = pullet.ask(host)
    assert status == 200, body
    found: dict[str, int] = json.loads(body)
    return found


def add(pullet: Pullet, content: str, host: str = "photos.localhost") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", pullet.port, timeout=20)
    connection.request("POST", "/photos", content.encode(), {"Host": host})
    answer = connection.getresponse()
    assert answer.status == 201
    number: int = json.loads(answer.read())["number"]
    connection.close()
    return number


def content(pullet: Pullet, number: int, host: str = "photos.localhost") -> str:
    status, body = pullet.ask(host, f"/photos/{number}")
    assert status == 200
    return body


def services(pullet: Pullet) -> dict[tuple[str, str], Any]:
    rows = json.loads(pullet.do("services", "--json").out)
    return {(row["environment"], row["name"]): row for row in rows}


def test_it_has_all_it_needs_with_nothing_said(pullet: Pullet, photos: Repository) -> None:
    found = services(pullet)
    assert {key: row["type"] for key, row in found.items()} == {
        ("production", "db"): "postgresql",
        ("production", "media"): "volume",
        ("production", "redis"): "valkey",
    }
    numbers = [add(pullet, f"photo {number}") for number in range(3)]
    until(lambda: counts(pullet)["looked_at"] == 3, 30, lambda: pullet.do("logs", "photos").text)
    assert counts(pullet) == {**counts(pullet), "photos": 3, "files": 3}
    assert [content(pullet, number) for number in numbers] == ["photo 0", "photo 1", "photo 2"]
    explained = pullet.do("explain", "photos").text
    assert "services.db.type = postgresql" in explained
    assert "requirements.txt" in explained


def test_a_new_release_has_the_same_data(pullet: Pullet, photos: Repository) -> None:
    before = counts(pullet)
    views = (photos.path / "photos/views.py").read_text()
    photos.commit({"photos/views.py": views.replace('"rounds":', '"version": 2, "rounds":')})
    pullet.do("sync", "photos")
    assert counts(pullet)["version"] == 2
    assert pullet.app("photos")["release"] == 2
    assert counts(pullet)["photos"] == before["photos"]
    assert counts(pullet)["files"] == before["files"]
    add(pullet, "after the deployment")
    until(lambda: counts(pullet)["looked_at"] == counts(pullet)["photos"], 30)


def test_the_schedule_runs(pullet: Pullet, photos: Repository) -> None:
    def runs() -> Any:
        [schedule] = json.loads(pullet.do("schedules", "photos", "--json").out)
        return [run for run in schedule["runs"] if run["finished"]]

    until(runs, 90, lambda: str(pullet.events("photos")))
    assert runs()[0]["exit_code"] == 0
    assert counts(pullet)["rounds"] >= 1
    assert "rounds" in pullet.do("schedules", "photos", "tidy").text


def test_a_branch_has_a_copy_and_neither_sees_what_the_other_writes(pullet: Pullet, photos: Repository) -> None:
    pullet.do("previews", "photos", "--enable", "--clone-data-from", "production")
    before = counts(pullet)
    photos.git("checkout", "--quiet", "-b", "feature/Albums")
    photos.push()
    photos.git("checkout", "--quiet", "main")
    [host] = _wait_for_preview(pullet)
    there = counts(pullet, host)
    assert (there["photos"], there["files"]) == (before["photos"], before["files"])
    assert content(pullet, 1, host) == "photo 0"
    add(pullet, "only in production")
    add(pullet, "only in the branch", host)
    add(pullet, "only in the branch, too", host)
    until(lambda: counts(pullet, host)["looked_at"] == there["photos"] + 2, 30)
    assert counts(pullet)["photos"] == before["photos"] + 1
    assert counts(pullet, host)["photos"] == there["photos"] + 2
    assert counts(pullet, host)["files"] == there["files"] + 2
    branch = host.partition("--")[0]
    refused = pullet.run("db", "clone", "photos", "-e", branch, "--from", "production", "--service", "redis", "--yes")
    assert (refused.code, "done twice" in refused.text) == (2, True)


def _wait_for_preview(pullet: Pullet) -> list[str]:
    def hosts() -> list[str]:
        rows = [row for row in pullet.status()["environments"] if row["environment"] != "production"]
        live = [row for row in rows if row["release"] and row["conditions"][0]["status"]]
        return [row["urls"][0].removeprefix("http://").partition(":")[0] for row in live]

    until(hosts, 60, lambda: str(pullet.status()))
    return hosts()


def test_a_preview_goes_with_its_branch_after_a_last_backup(pullet: Pullet, photos: Repository) -> None:
    photos.git("branch", "--quiet", "-D", "feature/Albums")
    until(lambda: {name for name, _ in services(pullet)} == {"production"}, 60, lambda: str(services(pullet)))
    backups = json.loads(pullet.do("backups", "--json").out)
    assert [backup["reason"] for backup in backups] == ["final"]


def test_a_migration_that_breaks_changes_nothing(pullet: Pullet, photos: Repository) -> None:
    before = counts(pullet)
    with pullet.watching("photos", rate=5) as watching:
        photos.commit({"photos/migrations/0002_broken.py": _BROKEN})
        result = pullet.run("sync", "photos")
    assert result.code == 1
    assert "[release-command-failed]" in result.text
    assert "photos_nowhere" in result.text
    assert watching.failures == []
    assert {**counts(pullet), "rounds": 0} == {**before, "rounds": 0}
    photos.commit({}, "photos/migrations/0002_broken.py")
    pullet.do("sync", "photos")
    assert counts(pullet)["photos"] == before["photos"]


def test_a_backup_comes_back_on_an_empty_home(pullet: Pullet, photos: Repository) -> None:
    """All that is kept of the old machine: the target's key and the backups."""
    until(lambda: counts(pullet)["looked_at"] == counts(pullet)["photos"], 30)
    pullet.do("backup")
    before = counts(pullet)
    contents = [content(pullet, number) for number in range(1, before["photos"] + 1)]
    add(pullet, "written after the backup")
    pullet.stop()
    kept = pullet.root / "kept"
    kept.mkdir()
    for name in ("target.key", "backups"):
        shutil.move(pullet.home / name, kept / name)
    shutil.rmtree(pullet.home)

    pullet.home.mkdir(mode=0o711, exist_ok=True)
    for name in ("target.key", "backups"):
        shutil.move(kept / name, pullet.home / name)
    pullet.serve()
    pullet.do("restore", "--all", "--yes", limit=120)
    pullet.do("sync", "photos", limit=180)
    after = counts(pullet)
    assert {**after, "rounds": 0} == {**before, "rounds": 0}
    assert after["rounds"] >= before["rounds"]
    assert [content(pullet, number) for number in range(1, after["photos"] + 1)] == contents
    add(pullet, "and it goes on")
    until(lambda: counts(pullet)["looked_at"] == before["photos"] + 1, 30)
