"""Packages that need a backing service. Data, and how names are compared with it."""

from __future__ import annotations

import re

POSTGRESQL, VALKEY = "postgresql", "valkey"

PACKAGES = {
    "psycopg": POSTGRESQL,
    "psycopg2": POSTGRESQL,
    "psycopg2-binary": POSTGRESQL,
    "asyncpg": POSTGRESQL,
    "pg8000": POSTGRESQL,
    "redis": VALKEY,
    "valkey": VALKEY,
    "django-redis": VALKEY,
    "django-valkey": VALKEY,
    "channels-redis": VALKEY,
    "flask-redis": VALKEY,
    "redis-om": VALKEY,
    "rq": VALKEY,
    "django-rq": VALKEY,
    "flask-rq2": VALKEY,
    "arq": VALKEY,
}

OTHERS = frozenset(
    """mysqlclient pymysql aiomysql asyncmy mariadb mysql-connector-python oracledb cx-oracle pyodbc pymssql aioodbc
    django-mssql-backend mssql-django pymongo motor djongo cassandra-driver clickhouse-driver""".split()  # noqa: SIM905
)
"""Drivers of databases that Pullet does not give."""

EXTRAS = {
    # what `sqlalchemy[asyncpg]`, `celery[redis]` and the like bring along
    "postgresql": POSTGRESQL,
    "postgresql-psycopg": POSTGRESQL,
    "postgresql-psycopgbinary": POSTGRESQL,
    "postgresql-psycopg2binary": POSTGRESQL,
    "postgresql-asyncpg": POSTGRESQL,
    "postgresql-pg8000": POSTGRESQL,
    "psycopg": POSTGRESQL,
    "psycopg2": POSTGRESQL,
    "asyncpg": POSTGRESQL,
    "redis": VALKEY,
    "valkey": VALKEY,
}

SQLALCHEMY_DRIVERS = {
    # by extras of SQLAlchemy, and of what passes them on; what `postgresql` brings is what it takes by itself
    "postgresql-psycopg": "psycopg",
    "postgresql-psycopgbinary": "psycopg",
    "postgresql-psycopg2binary": "psycopg2-binary",
    "postgresql-asyncpg": "asyncpg",
    "postgresql-pg8000": "pg8000",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "asyncpg": "asyncpg",
}


def needed_by(requirement: str) -> str | None:
    """The type of service that a requirement, as `celery[redis]`, is a driver for."""
    name, _, extras = requirement.rstrip("]").partition("[")
    found = (EXTRAS.get(re.sub(r"[-_.]+", "-", extra)) for extra in extras.split(","))
    return PACKAGES.get(name) or next((service for service in found if service), None)
