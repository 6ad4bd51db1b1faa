"""Which services and which Celery processes small repositories get, and what `pullet explain` says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pullet.analysis.detection import Row, explain, services_beside
from tests.unit.services_corpus import CASES, DB, REDIS, SQLITE, Case, celery, django, flask
from tests.unit.test_detection import understood


def rows(files: dict[str, str]) -> dict[str, Row]:
    return {row.setting: row for row in explain(understood(files))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_which_services_and_workers(case: Case) -> None:
    spec = understood(case.files)
    assert spec.services == case.services
    assert {each.name: each.command for each in spec.processes if each.name != "web"} == case.processes


def test_a_service_is_explained() -> None:
    found = rows(flask("import os\nx = os.environ['DATABASE_URL']", "flask\npsycopg[binary]"))
    row = found["services.db.type"]
    assert (row.value, row.where) == ("postgresql", "requirements.txt:2, app.py:4")
    assert row.why == "psycopg[binary] is among the dependencies; app.py reads $DATABASE_URL"
    assert not [setting for setting in found if setting.startswith("fact")]


def test_a_file_is_explained() -> None:
    found = rows(django(SQLITE % "BASE_DIR / 'db.sqlite3'"))
    assert (found["services.sqlite.type"].value, found["services.sqlite.path"].value) == ("sqlite", "db.sqlite3")
    assert found["services.sqlite.path"].where == "shop/settings.py:4"


def test_what_cannot_be_kept_is_said() -> None:
    found = rows(django(SQLITE % "'/var/lib/x.db'" + "MEDIA_ROOT = find()\n"))
    for name, where in (("sqlite", "shop/settings.py:4"), ("media", "shop/settings.py:5")):
        row = found[f"services.{name}.type"]
        assert (row.value, row.where) == ("(none)", where)
        assert "so it is not kept" in row.why
        assert f"services.{name}.path" not in found


def test_a_worker_is_explained() -> None:
    row = rows(celery("shop/celery.py", "from celery import Celery\napp = Celery('x')"))["processes.worker.command"]
    assert (row.where, row.why) == ("shop/celery.py:2", "an object in shop/celery.py is a Celery app")


def test_another_celery_app_is_named() -> None:
    files = celery("jobs.py", "from celery import Celery\none = Celery('x')\ntwo = Celery('y')")
    row = rows(files)["processes.worker.command"]
    assert (row.value.split()[2], row.where) == ("jobs:one", "jobs.py:2")
    assert row.instead_of == ("celery -A jobs:two worker --loglevel=info --concurrency=1 (jobs.py:3)",)


def test_an_environment_with_a_database_of_its_own_is_given_none() -> None:
    files = flask("import os\nx = os.environ['DATABASE_URL']", "asyncpg\nredis")
    spec = understood(files)
    assert services_beside(spec, ["DEBUG", "POSTGRES_DB"]) == (DB, REDIS)
    assert services_beside(spec, ["DATABASE_URL"]) == (REDIS,)
    assert services_beside(spec, ["REDIS_HOST"]) == (DB,)
    declared = replace(understood(files | {"pullet.toml": "[services.db]\ntype = 'postgresql'"}), services=(DB,))
    assert services_beside(declared, ["DATABASE_URL"]) == (DB,)


def test_a_declared_service_is_explained() -> None:
    found = rows(flask("", "redis") | {"pullet.toml": "[services.cache]\ntype = 'redis'\npersistent = true"})
    assert (found["services.cache.type"].value, found["services.cache.type"].where) == ("redis", "pullet.toml:2")
