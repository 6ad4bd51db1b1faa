"""What an app is given of PostgreSQL really connects: with each client library, under several families of names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from pullet.domain.addresses import as_asked
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from tests.contract.postgresql import postgres_world, run_apart

pytestmark = pytest.mark.real
_CLIENTS = ("psycopg[binary]", "psycopg2-binary", "asyncpg", "pg8000", "sqlalchemy[asyncio]")
_SPEC = ServiceSpec("db", ServiceType.POSTGRESQL)
_CREATED = "import os, sqlalchemy as s\nwith s.create_engine(os.environ['DATABASE_URL']).connect() as c:\n    "
_ASK = "c.execute(s.text('SELECT 1'))"


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    """An interpreter that has the client libraries."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-clients-"))
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "v")], check=True, timeout=60)
    program = str(folder / "v/bin/python")
    installed = subprocess.run(
        [uv, "pip", "install", "-q", "--python", program, *_CLIENTS],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    if installed.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"no package index gives the client libraries: {installed.stderr[-200:]}")
    yield program
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def grant() -> Iterator[Grant]:
    with postgres_world() as world:
        yield run_apart(world.provider.provide(ServiceKey(EnvironmentKey("shop", "production"), "db"), _SPEC))


def _run(python: str, code: str, grant: Grant) -> None:
    variables = {"PATH": os.environ["PATH"], **dict(grant.variables)}
    done = subprocess.run([python, "-c", code], check=False, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-600:]


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        ("", "import os, psycopg\npsycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1')"),
        ("", "import os, psycopg2\npsycopg2.connect(os.environ['DATABASE_URL']).cursor().execute('SELECT 1')"),
        ("", "import os, asyncio, asyncpg\nasyncio.run(asyncpg.connect(os.environ['DATABASE_URL']))"),
        ("postgres", "import os, asyncio, asyncpg\nasyncio.run(asyncpg.connect(os.environ['DATABASE_URL']))"),
        ("", _CREATED + _ASK),
        ("postgresql+psycopg2", _CREATED + _ASK),
        ("postgresql+psycopg", _CREATED + _ASK),
        ("postgresql+pg8000", _CREATED + _ASK),
        (
            "postgresql+asyncpg",
            "import os, asyncio, sqlalchemy as s\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
            "async def main():\n    async with create_async_engine(os.environ['DATABASE_URL']).connect() as c:\n"
            f"        await {_ASK}\nasyncio.run(main())",
        ),
    ],
)
def test_the_url_in_the_scheme_of_each_library(python: str, grant: Grant, scheme: str, code: str) -> None:
    _run(python, code, as_asked(grant, replace(_SPEC, scheme=scheme)))


@pytest.mark.parametrize(
    ("host", "port", "user", "password", "database"),
    [
        ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASS", "DB_NAME"),
        ("DBHOST", "DBPORT", "DBUSER", "DBPASS", "DBNAME"),
        ("RDS_HOSTNAME", "RDS_PORT", "RDS_USERNAME", "RDS_PASSWORD", "RDS_DB_NAME"),
        ("SQL_HOST", "SQL_PORT", "SQL_USER", "SQL_PASSWORD", "SQL_DATABASE"),
        ("POSTGRES_SERVER", "POSTGRES_PORT", "POSTGRES_USERNAME", "POSTGRES_PASSWORD", "POSTGRES_DB"),
    ],
)
def test_the_parts_under_names_of_a_family(
    python: str, grant: Grant, host: str, port: str, user: str, password: str, database: str
) -> None:
    fields = {host: "host", port: "port", user: "user", password: "password", database: "database"}
    asked = as_asked(grant, replace(_SPEC, names=tuple(fields.items())))
    only = Grant(tuple(each for each in asked.variables if each[0] in fields))
    given = ", ".join(
        f"{word}=os.environ['{name}']"
        for word, name in zip(("host", "port", "user", "password", "dbname"), fields, strict=True)
    )
    _run(python, f"import os, psycopg\npsycopg.connect({given}).execute('SELECT 1')", only)


def test_libpqs_own_text_and_its_own_variables(python: str, grant: Grant) -> None:
    asked = as_asked(grant, replace(_SPEC, names=(("CONNECTIONSTRING", "text"), ("PGSSLMODE", "sslmode"))))
    _run(python, "import os, psycopg\npsycopg.connect(os.environ['CONNECTIONSTRING']).execute('SELECT 1')", asked)
    _run(python, "import psycopg\npsycopg.connect().execute('SELECT 1')", asked)
