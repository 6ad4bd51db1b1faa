"""Declared, detected and overridden: what becomes of an app's services and schedules between git and the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pullet.domain.app import AppSpec, Schedule
from pullet.domain.fleet import EnvironmentSpec, Track, TrackKind
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceSpec, ServiceType
from pullet.reconcile.understanding import apply_overrides, understand_app
from tests.fakes.source import FakeTree
from tests.unit.detection_corpus import DJANGO, SETTINGS
from tests.unit.services_corpus import DB, REDIS, flask

READS = "import os\nx = os.environ['DATABASE_URL']"
CONFIG = """[services.files]
type = "volume"
path = "uploads"
[schedule.clean]
cron = "@daily"
command = "python clean.py"
"""


async def understood(files: dict[str, str]) -> AppSpec:
    return await understand_app(FakeTree({path: text.encode() for path, text in files.items()}), "shop")


def environment(variables: dict[str, str], secrets: dict[str, str]) -> EnvironmentSpec:
    key = EnvironmentKey("shop", "production")
    track = Track(TrackKind.BRANCH, "main")
    return EnvironmentSpec(key, track, variables=tuple(variables.items()), secrets=tuple(secrets.items()))


async def test_declared_services_come_first_and_detected_ones_are_added() -> None:
    spec = await understood(flask(READS, "asyncpg\nredis") | {"pullet.toml": CONFIG})
    assert spec.services == (ServiceSpec("files", ServiceType.VOLUME, path="uploads"), DB, REDIS)
    assert spec.schedules == (Schedule("clean", "@daily", "python clean.py"),)


async def test_without_pullet_toml() -> None:
    assert (await understood(flask(READS, "asyncpg"))).services == (DB,)


async def test_an_address_in_the_fleet_file_takes_the_place_of_a_detected_service() -> None:
    spec = await understood(flask(READS, "asyncpg\nredis"))
    assert apply_overrides(spec, environment({"LOG": "x"}, {})).services == (DB, REDIS)
    assert apply_overrides(spec, environment({"REDIS_URL": "x"}, {"DATABASE_URL": "age:x"})).services == ()


async def test_tls_is_not_demanded_where_there_is_none() -> None:
    for setting in (
        "OPTIONS = {'sslmode': 'require'}",
        "import django_heroku\ndjango_heroku.settings(locals())",
        "if os.environ.get('HTTPS', 'on') == 'on':\n    SECURE_SSL_REDIRECT = True",
    ):
        spec = await understood({**DJANGO, "shop/settings.py": SETTINGS + setting})
        assert dict(spec.variables)["PULLET_SETTINGS_MODULE"] == "shop.settings"
        assert not spec.hosts


@pytest.mark.parametrize(
    ("setting", "added"),
    [
        ("ALLOWED_HOSTS = ['shop.example.net']", True),
        ("ALLOWED_HOSTS = []", True),
        ("HOSTS = ('shop.example.net',)\nALLOWED_HOSTS = HOSTS", True),
        ("ALLOWED_HOSTS = [socket.gethostname()]", True),
        ("ALLOWED_HOSTS = ['shop.example.net', '*']", False),
        ("ALLOWED_HOSTS = ['shop.example.net', os.environ['NAMES']]", False),
        ("from configurations import Configuration\nALLOWED_HOSTS = []", False),
        ("", False),
    ],
)
async def test_hosts_that_are_written_in_code_get_company(setting: str, added: bool) -> None:
    spec = await understood({**DJANGO, "shop/settings.py": SETTINGS + setting})
    where = replace(environment({}, {}), domains=("shop.example.org",))
    variables = dict(apply_overrides(spec, where).variables)
    assert variables.get("PULLET_SETTINGS_MODULE") == ("shop.settings" if added else None)
    assert variables.get("PULLET_ALLOWED_HOSTS") == ("shop.example.org,shop.localhost" if added else None)


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("ALLOWED_HOSTS = [os.environ.get('NAMES')]", "shop.example.org"),
        ("ALLOWED_HOSTS = os.environ['NAMES'].split(',')", "shop.example.org,shop.localhost"),
        ("ALLOWED_HOSTS = os.getenv('NAMES', 'x y').split()", "shop.example.org shop.localhost"),
        ("ALLOWED_HOSTS = config('NAMES', cast=Csv())", "shop.example.org,shop.localhost"),
        ("ALLOWED_HOSTS = env.list('NAMES')", "shop.example.org,shop.localhost"),
        ("ALLOWED_HOSTS = [h.strip() for h in os.environ['NAMES'].split(',')]", "shop.example.org,shop.localhost"),
        (
            "CSRF_TRUSTED_ORIGINS = env.list('NAMES')",
            "https://shop.example.org,http://shop.example.org,https://shop.localhost,http://shop.localhost",
        ),
        ("SECURE_SSL_REDIRECT = os.environ.get('NAMES') != 'False'", "False"),
        ("SECURE_SSL_REDIRECT = bool(int(os.environ['NAMES']))", None),
        ("ALLOWED_HOSTS = ['*']", None),
        ("OTHER = os.environ['NAMES']", None),
    ],
)
async def test_settings_that_read_their_hostnames_are_given_them(setting: str, given: str | None) -> None:
    spec = await understood({**DJANGO, "shop/settings.py": SETTINGS + setting})
    where = replace(environment({}, {}), domains=("shop.example.org",))
    assert dict(apply_overrides(spec, where).variables).get("NAMES") == given
    own = replace(where, variables=(("NAMES", "mine"),))
    assert dict(apply_overrides(spec, own).variables)["NAMES"] == "mine"
