"""Variables that hold parts of a service's address: told from their names, and filled from its URL."""

from __future__ import annotations

import pytest

from pullet.analysis.detection.names import address_in, field_of
from pullet.domain.addresses import as_asked, fields, while_building
from pullet.domain.services import Grant, ServiceSpec, ServiceType
from tests.unit.services_corpus import fastapi, flask
from tests.unit.test_detection import understood

FAMILIES = [
    "DATABASE_URL DATABASE_HOST DATABASE_PORT DATABASE_USER DATABASE_PASSWORD DATABASE_NAME",
    "DB_URL DB_HOST DB_PORT DB_USER DB_PASS DB_NAME",
    "DBURL DBHOST DBPORT DBUSER DBPASS DBNAME",
    "PG_URI PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE",
    "SQL_URL SQL_HOST SQL_PORT SQL_USER SQL_PASSWORD SQL_DATABASE",
    "POSTGRES_URL POSTGRES_HOST POSTGRES_PORT POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB",
    "POSTGRES_DSN POSTGRES_SERVER POSTGRES_PORT POSTGRES_USERNAME POSTGRES_PASSWORD POSTGRES_DATABASE",
    "POSTGRESQL_URI POSTGRESQL_ADDRESS POSTGRESQL_PORT POSTGRESQL_USER POSTGRESQL_PASS POSTGRESQL_DBNAME",
    "SQLALCHEMY_DATABASE_URI APP_DB_HOST APP_DB_PORT APP_DB_USER APP_DB_PASSWORD APP_DB_NAME",
    "RDS_URL RDS_HOSTNAME RDS_PORT RDS_USERNAME RDS_PASSWORD RDS_DB_NAME",
    "AZURE_POSTGRESQL_URL AZURE_POSTGRESQL_HOST AZURE_POSTGRESQL_PORT AZURE_POSTGRESQL_USER"
    " AZURE_POSTGRESQL_PASSWORD AZURE_POSTGRESQL_NAME",
    "DJANGO_DATABASE_URL DJANGO_DB_HOST DJANGO_DB_PORT DJANGO_DB_USER DJANGO_DB_PASSWORD DJANGO_DB_NAME",
    "DATABASE_URI PSQL_HOST PSQL_PORT PSQL_USER PSQL_PWD PSQL_DATABASE",
    "FLASK_SQLALCHEMY_DATABASE_URI POSTGRES_HOST_NAME DB_PORT_NUMBER DB_LOGIN DB_PASSWD DB_DATABASE",
]
URL = "postgresql://shop:p%40ss%2Fw@127.0.0.1:5433/shop_production"


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_names_for_one_server(family: str) -> None:
    wanted = ["url", "host", "port", "user", "password", "database"]
    assert [field_of(name) for name in family.split()] == [("postgresql", field) for field in wanted]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("REDIS_HOST", ("valkey", "host")),
        ("CACHE_REDIS_URL", ("valkey", "url")),
        ("CELERY_BROKER_URL", ("valkey", "url")),
        ("CELERY_RESULT_BACKEND", ("valkey", "url")),
        ("REDIS_DB", ("valkey", "database")),
        ("AZURE_POSTGRESQL_CONNECTIONSTRING", ("postgresql", "text")),
        ("SQL_ENGINE", ("postgresql", "engine")),
        *(
            (name, None)
            for name in ("REDIS_TLS_URL", "TEST_DATABASE_URL", "MYSQL_HOST", "MONGO_DB_URL", "HOST", "PORT")
        ),
        *((name, None) for name in ("DATABASE", "DEBUG", "SECRET_KEY", "BASE_URL", "USER_DB", "A" * 200 + "_DB_HOST")),
    ],
)
def test_other_names(name: str, found: tuple[str, str] | None) -> None:
    assert field_of(name) == found


def test_which_names_say_that_the_owner_has_a_service() -> None:
    found = [address_in(name) for name in ("DB_HOST", "DATABASE_URL", "DB_NAME", "REDIS_URL", "COLOUR")]
    assert found == ["postgresql", "postgresql", None, "valkey", None]


def test_the_parts_of_an_address() -> None:
    found = fields(URL)
    assert (found["host"], found["port"], found["user"]) == ("127.0.0.1", "5433", "shop")
    assert (found["password"], found["database"]) == ("p@ss/w", "shop_production")
    assert found["text"] == "dbname=shop_production host=127.0.0.1 port=5433 user=shop password=p@ss/w sslmode=prefer"
    assert fields("redis://:secret@127.0.0.1:7000/0")["password"] == "secret"


def test_a_grant_under_the_names_that_are_read() -> None:
    spec = ServiceSpec("db", ServiceType.POSTGRESQL, names=(("DB_PASS", "password"),), scheme="postgresql+asyncpg")
    given = as_asked(Grant((("DATABASE_URL", URL), ("PGHOST", "127.0.0.1")), (URL,)), spec)
    wanted = URL.replace("postgresql", "postgresql+asyncpg")
    assert dict(given.variables) == {"DATABASE_URL": wanted, "PGHOST": "127.0.0.1", "DB_PASS": "p@ss/w"}
    assert {URL, wanted} <= set(given.secrets)


def test_values_of_the_right_shape_while_building() -> None:
    spec = ServiceSpec("db", ServiceType.POSTGRESQL, names=(("DB_PORT", "port"),))
    assert while_building(spec)["DB_PORT"] == while_building(spec)["PGPORT"] == "5432"
    assert while_building(ServiceSpec("media", ServiceType.VOLUME)) == {}


ENGINE = "from sqlalchemy.ext.asyncio import create_async_engine\nimport os\nurl = os.environ['DATABASE_URL']\n"
SYNC = "from sqlalchemy import create_engine\nimport os\nurl = os.environ['DATABASE_URL']\n"


@pytest.mark.parametrize(
    ("files", "scheme"),
    [
        (fastapi(ENGINE, "fastapi\nsqlalchemy\nasyncpg"), "postgresql+asyncpg"),
        (fastapi(ENGINE, "fastapi\nsqlalchemy\npsycopg[binary]\npsycopg2-binary"), "postgresql+psycopg"),
        (fastapi(SYNC, "fastapi\nsqlmodel\npsycopg[binary]"), "postgresql+psycopg"),
        (flask(SYNC, "flask\nflask-sqlalchemy\npsycopg2-binary\npsycopg"), "postgresql+psycopg2"),
        (flask(SYNC, "flask\nsqlalchemy\npg8000"), "postgresql+pg8000"),
        (fastapi(SYNC + "import asyncpg\nasyncpg.connect(url)\n", "fastapi\nsqlalchemy\nasyncpg"), ""),
        (fastapi("import os\nos.environ['DATABASE_URL']", "fastapi\ntortoise-orm[asyncpg]\nasyncpg"), "postgres"),
        (flask("import os\nos.environ['DATABASE_URL']", "flask\npsycopg[binary]"), ""),
    ],
)
def test_the_scheme_that_the_libraries_take(files: dict[str, str], scheme: str) -> None:
    [service] = understood(files).services
    assert service.scheme == scheme


def test_only_names_that_are_read_are_given_and_what_is_declared_wins() -> None:
    code = "import os\n# DB_PORT\nhost, name = os.environ['DB_HOST'], os.getenv('DB_NAME', 'x')\n"
    [service] = understood(flask(code, "flask\npsycopg2")).services
    assert service.names == (("DB_HOST", "host"), ("DB_NAME", "database"))
    assert understood(flask(code, "flask")).services == ()


@pytest.mark.parametrize(
    ("code", "requirements", "scheme"),
    [
        (
            "URL = os.environ['DATABASE_URL'].replace('postgres://', 'postgresql://')",
            "flask-sqlalchemy\npsycopg2",
            "postgresql+psycopg2",
        ),
        (
            "URL = os.environ['DATABASE_URL'].replace('postgres://', 'postgresql://')",
            "flask-sqlalchemy\npsycopg[binary]",
            "postgresql+psycopg",
        ),
        (
            "URL = os.getenv('DATABASE_URL').replace('postgres://', 'postgresql+asyncpg://')\ncreate_async_engine(URL)",
            "sqlalchemy\nasyncpg",
            "postgres",
        ),
        (
            "URL = os.environ['DATABASE_URL'].replace('postgresql://', 'postgresql+asyncpg://')\ncreate_async_engine(URL)",
            "sqlalchemy\nasyncpg",
            "postgresql",
        ),
        ("URL = os.environ['DATABASE_URL'].replace('postgres', 'postgresql')", "sqlalchemy\npsycopg2", "postgres"),
        (
            "URL = re.sub(r'^postgresql:', 'postgresql+asyncpg:', os.environ['DATABASE_URL'])",
            "sqlalchemy\nasyncpg",
            "postgresql",
        ),
        (
            "URL = os.getenv('DATABASE_URL', 'postgresql+psycopg://a:b@localhost/x')",
            "sqlalchemy\npsycopg2\npsycopg",
            "postgresql+psycopg",
        ),
        (
            "URL = os.getenv('DATABASE_URL', 'postgresql+psycopg://a:b@localhost/x')",
            "sqlalchemy\npsycopg2",
            "postgresql+psycopg2",
        ),
        ("URL = os.environ['DATABASE_URL']", "django\nsqlalchemy\ndj-database-url\npsycopg", ""),
        ("URL = os.environ['DATABASE_URL']", "sqlalchemy[postgresql_asyncpg]", "postgresql+asyncpg"),
        ("# .replace('x', 'y')\nURL = os.environ['DATABASE_URL']", "sqlalchemy\npsycopg2", "postgresql+psycopg2"),
        (
            "URL = os.environ['DATABASE_URL']\nok = URL.startswith('postgresql://')",
            "sqlalchemy\npsycopg2",
            "postgresql",
        ),
    ],
)
def test_code_that_rewrites_the_scheme_is_given_what_it_rewrites(code: str, requirements: str, scheme: str) -> None:
    [service] = understood(flask(f"import os, re\n{code}\n", requirements)).services
    assert service.scheme == scheme


@pytest.mark.parametrize(
    ("code", "requirements", "names"),
    [
        ("os.environ['SHOP_DB_HOST'], os.environ['SHOP_DB_NAME']", "psycopg2", ["SHOP_DB_HOST", "SHOP_DB_NAME"]),
        ("os.environ['DB_NAME']", "psycopg2", []),  # a file, for all that is known
        ("os.environ['DB_HOST'], os.getenv('DB_PORT', '3306')", "psycopg2", []),
        ("os.environ['DB_HOST'], os.getenv('DB_PORT', '5432')", "psycopg2", ["DB_HOST", "DB_PORT"]),
        ("os.environ['DB_HOST'], os.getenv('DB_ENGINE', 'postgresql')", "psycopg2", ["DB_HOST"]),
        ("os.environ['SQL_HOST'], os.getenv('SQL_ENGINE', 'django.db.backends.sqlite3')", "django\npsycopg2",
         ["SQL_HOST", "SQL_ENGINE"]),
        ("os.environ['PGHOST'], os.environ.get('PGSSLMODE', 'require')", "psycopg2", ["PGSSLMODE"]),
        ("os.environ['REDIS_HOST'], os.getenv('REDIS_DB', 3)", "redis", ["REDIS_HOST"]),
        ("os.environ['REDIS_HOST'], os.environ['REDIS_DB']", "redis", ["REDIS_HOST", "REDIS_DB"]),
        ("os.getenv('CELERY_BROKER_URL', 'amqp://localhost')", "celery[redis]", []),
        ("os.getenv('CELERY_RESULT_BACKEND', 'rpc://'), os.getenv('CELERY_BROKER_URL')", "celery[redis]",
         ["CELERY_BROKER_URL"]),
        ("os.environ['REDIS_HOST']", "psycopg2", []),
        ("os.getenv('MYSQL_HOST'), os.getenv('TEST_DATABASE_URL'), os.getenv('REDIS_TLS_URL')", "psycopg2\nredis", []),
    ],
)  # fmt: skip
def test_which_names_are_given(code: str, requirements: str, names: list[str]) -> None:
    spec = understood(flask(f"import os\n{code}\n", requirements))
    assert [name for service in spec.services for name, _ in service.names] == names


def test_a_test_file_reads_nothing() -> None:
    files = flask("import os\nos.environ['DB_HOST']", "psycopg2") | {
        "tests/test_x.py": "import os\nos.environ['DB_PASS']"
    }
    [service] = understood(files).services
    assert service.names == (("DB_HOST", "host"),)


def test_where_another_platform_had_its_database_is_no_word_of_the_owner() -> None:
    app_json = '{"env": {"DB_HOST": "db", "DB_NAME": "x", "MODE": "fast", "DATABASE_URL": "postgres://db/x"}}'
    files = flask("import os\nos.environ['DB_HOST'], os.environ['DB_NAME']", "psycopg2") | {"app.json": app_json}
    spec = understood(files)
    assert [service.name for service in spec.services] == ["db"]
    assert dict(spec.variables) == {"MODE": "fast"}
    owner = files | {"pullet.toml": "[variables]\nDB_HOST = 'db.example.org'"}
    assert understood(owner).services == ()
    assert dict(understood(owner).variables)["DB_HOST"] == "db.example.org"
