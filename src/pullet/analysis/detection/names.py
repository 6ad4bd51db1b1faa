"""Which part of which service a variable holds, told from its name: `DB_HOST`, `SQL_PASSWORD`, `RDS_DB_NAME`.

Frameworks, vendors and tutorials each have a family of names for the same six facts. Told from names alone, so only
what an app reads is looked up here, and a service is given only where a driver for it is installed.
"""

from __future__ import annotations

import re

from pullet.analysis.detection.drivers import POSTGRESQL, VALKEY

DEMANDS_TLS = re.compile(r"""\bssl_require\s{0,9}=\s{0,9}True|sslmode["']?\s{0,9}[:=]\s{0,9}["']?(?:require|verify)""")
"""In code: its database has to be reached over TLS, which those on this box are not."""
CANONICAL = {
    # what a service gives whether or not anybody reads it
    POSTGRESQL: frozenset({"DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"}),
    VALKEY: frozenset({"REDIS_URL", "VALKEY_URL"}),
}
_FIELDS = {
    "url": "URL|URI|DSN|CONN(ECTION)?(_?STR(ING)?)?|ADDRESS_URL",
    "host": "HOST|HOSTNAME|HOSTADDR|HOST_NAME|SERVER|SERVER_NAME|ADDR|ADDRESS|ENDPOINT",
    "port": "PORT|PORT_NUMBER",
    "user": "USER|USERNAME|USER_NAME|USR|LOGIN|ROLE",
    "password": "PASSWORD|PASS|PASSWD|PWD|PW|USER_PASSWORD",
    "database": "DB|DATABASE|NAME|DBNAME|DB_NAME|DATABASE_NAME",
    "engine": "ENGINE|BACKEND",
    "sslmode": "SSLMODE|SSL_MODE",
}
_SUFFIX = "|".join(f"(?P<{field}>{names})" for field, names in _FIELDS.items())
_PREFIX = r"(?:[A-Z][A-Z0-9]{0,30}_){0,3}?"
_SERVED = re.compile(
    rf"{_PREFIX}(?:DB|DATABASE|SQL|PSQL|PG|PGSQL|POSTGRES|POSTGRESQL|RDS)_?(?:(?:DB|DATABASE)_?)??(?:{_SUFFIX})"
)
_CACHED = re.compile(rf"{_PREFIX}(?:REDIS|VALKEY|REDISCLOUD|REDISTOGO|REDISGREEN)_?(?:{_SUFFIX})")
_QUEUES = re.compile(r"(?:CELERY_)?(?:BROKER|RESULT_BACKEND|CACHE|CHANNEL_LAYER)(?:_URL|_URI)?|CELERY_BACKEND(?:_URL)?")
_NOT_OURS = re.compile(
    r"(?:^|_)(?:TEST|TESTING|MYSQL|MARIADB|MONGO|MONGODB|ORACLE|MSSQL|SQLITE|NEO4J|INFLUX|INFLUXDB|CLICKHOUSE|VECTOR|TLS"
    r"|ELASTIC|ELASTICSEARCH|CHROMA|MILVUS|QDRANT|PINECONE|COSMOS|DYNAMO|DYNAMODB|SUPABASE|FIREBASE|SNOWFLAKE|BIGQUERY)_"
)
# A connection string of these is the text of libpq, not a URL.
_TEXT = re.compile(r".*_CONN(ECTION)?_?STR(ING)?")


def field_of(variable: str) -> tuple[str, str] | None:
    """(type of service, field) that a variable of this name holds: `("postgresql", "host")`. Fields: url, text (libpq's
    keywords and values), host, port, user, password, database, engine, sslmode."""
    if len(variable) > 80 or _NOT_OURS.search(variable):
        return None
    if _QUEUES.fullmatch(variable):
        return VALKEY, "url"
    for kind, names in ((VALKEY, _CACHED), (POSTGRESQL, _SERVED)):
        if found := names.fullmatch(variable):
            field = next(name for name, text in found.groupdict().items() if text is not None)
            return kind, "text" if field == "url" and _TEXT.fullmatch(variable) else field
    return None


def address_in(variable: str) -> str | None:
    """The type of service that an app has of its own where this variable is set by hand: `REDIS_URL`, `PGHOST`."""
    found = field_of(variable)
    return found[0] if found and found[1] in ("url", "text", "host") else None


_ANOTHER = re.compile(
    # what stands in for the variable leads to a server of another kind
    r"(?:mysql|mariadb|mongodb|oracle|mssql|clickhouse|cockroachdb|amqps?|pyamqp|rpc|sqs|kafka|memcached?|filesystem|https?"
    r"|db)(?:\+[\w+]{1,30})?(?::.*)?|django-(?:db|cache)|3306|27017|1433|1521|5672|11211",
    re.DOTALL,
)


def is_of_another(variable: str, default: str | None) -> bool:
    """Whether a variable that looks like one of ours is of a service that Pullet does not give, told by its default."""
    kind, field = field_of(variable) or ("", "")
    known = field in ("url", "port") and _ANOTHER.fullmatch(default or "") is not None
    return known and not (kind == POSTGRESQL and default == "db")
