"""What Pullet puts into an app's interpreter, run beside stand-ins for Django, uvloop and gevent."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.runtime import Workplace
from pullet.drivers import inside
from pullet.drivers.runtime.launching import variables

STORAGE = """class HashedFilesMixin:
    def hashed_name(self, name, content=None, filename=None):
        if name == "gone.eot":
            raise ValueError("The file 'gone.eot' could not be found with <storage>.")
        return f"{name}.123"
"""


def run(folder: Path, code: str, **variables: str) -> str:
    environment = {"PYTHONPATH": f"{inside.FOLDER}:{folder}", **variables}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        ("ALLOWED_HOSTS = ['a.example']", "['a.example', 'shop.localhost', 'b.example']"),
        ("ALLOWED_HOSTS = ('b.example',)", "['b.example', 'shop.localhost']"),
        ("ALLOWED_HOSTS = ['*']", "['*']"),
        ("ALLOWED_HOSTS = 'a.example'", "a.example"),
        ("DEBUG = True", "['shop.localhost', 'b.example']"),
        ("DATABASES = {'default': {}}\nALLOWED_HOSTS = []", "['shop.localhost', 'b.example']"),
    ],
)
def test_hosts_are_added_and_all_else_is_the_apps_own(tmp_path: Path, written: str, hosts: str) -> None:
    (tmp_path / "own.py").write_text(f"NAME = 'mine'\n_HIDDEN = 1\n{written}\n")
    code = "import pullet_settings as s; print(s.ALLOWED_HOSTS, s.NAME)"
    variables = {"PULLET_SETTINGS_MODULE": "own", "PULLET_ALLOWED_HOSTS": "shop.localhost,b.example"}
    assert run(tmp_path, code, **variables) == f"{hosts} mine"


def test_tls_is_not_demanded_of_a_database_on_this_box(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "R = {'sslmode': 'require'}\n"
        "DATABASES = {'a': {'ENGINE': 'x.sqlite3', 'OPTIONS': dict(R)}, 'b': {'HOST': '127.0.0.1', 'OPTIONS': dict(R)},"
        " 'c': {'HOST': 'db.example', 'OPTIONS': dict(R)}, 'd': {'ENGINE': 'x.sqlite3'}}\n"
    )
    options = "[one.get('OPTIONS') for one in s.DATABASES.values()]"
    code = f"import pullet_settings as s; print({options}, s.SECURE_SSL_REDIRECT)"
    said = run(tmp_path, code, PULLET_SETTINGS_MODULE="own")
    assert said == "[{}, {'sslmode': 'prefer'}, {'sslmode': 'require'}, None] False"


def test_a_missing_reference_stays_as_it_is_written(tmp_path: Path) -> None:
    package = tmp_path / "django" / "contrib" / "staticfiles"
    package.mkdir(parents=True)
    (package / "storage.py").write_text(STORAGE)
    code = (
        "from django.contrib.staticfiles.storage import HashedFilesMixin as Mixin;"
        "print(Mixin().hashed_name('a.css'), Mixin().hashed_name('gone.eot', filename='x'))"
    )
    assert run(tmp_path, code, PULLET_HOOKS="pullet_static") == "a.css.123 gone.eot"
    assert (
        run(tmp_path, "import json, sys; print(sys.meta_path[0].find_spec('json'))", PULLET_HOOKS="pullet_static")
        == "None"
    )


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


UVLOOP = """class Loop:
    async def create_server(self, factory, host=None, port=None, **more):
        return port
"""
GEVENT = """def _tcp_listener(address, backlog=50):
    return address[1]
"""
BINDERS = {
    "sockets": "import socket; s = socket.socket(); s.bind(('127.0.0.1', {port})); print(s.getsockname()[1])",
    "uvloop": "import asyncio, uvloop; print(asyncio.run(uvloop.Loop().create_server(None, '', {port})))",
    "gevent": "import gevent.server; print(gevent.server._tcp_listener(('', {port}), backlog=1))",
}


@pytest.mark.parametrize("binder", BINDERS)
def test_a_port_that_is_taken_is_not_asked_for(tmp_path: Path, taken: int, binder: str) -> None:
    """uvloop and gevent by stand-ins: the places that are changed are those of uvloop 0.23 and gevent 26.9."""
    (tmp_path / "gevent").mkdir()
    (tmp_path / "gevent" / "server.py").write_text(GEVENT)
    (tmp_path / "uvloop.py").write_text(UVLOOP)
    assert run(tmp_path, BINDERS[binder].format(port=taken), PULLET_HOOKS="pullet_ports") != str(taken)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert run(tmp_path, BINDERS[binder].format(port=free), PULLET_HOOKS="pullet_ports") == str(free)


def test_an_app_is_told_of_the_settings_that_are_fitted() -> None:
    release = ReleaseId(EnvironmentKey("shop", "production"), 1)
    given = (("PULLET_SETTINGS_MODULE", "shop.settings"), ("PULLET_ALLOWED_HOSTS", "shop.localhost"))
    place = Workplace(release, "/tree", "/env/bin/python", ("/tree/src",), given)
    assert variables(place)["DJANGO_SETTINGS_MODULE"] == "pullet_settings"
    assert variables(place)["PULLET_SETTINGS_MODULE"] == "shop.settings"
    assert variables(place)["PYTHONPATH"] == f"/tree/src:{inside.FOLDER}"
    chosen = replace(place, variables=(*given, ("DJANGO_SETTINGS_MODULE", "shop.production")))
    assert variables(chosen)["PULLET_SETTINGS_MODULE"] == "shop.production"
    assert "DJANGO_SETTINGS_MODULE" not in variables(replace(place, variables=()))
