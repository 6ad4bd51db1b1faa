"""Backing services that are not Pullet's: what names them among an app's variables.

Whatever tries an app out must stay away from them. Their data are somebody's, whatever the copy of the app is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SCHEMES = (
    "postgres|postgresql|postgis|psql|pgsql|timescale|cockroachdb|mysql|mysql2|mariadb|mssql|sqlserver|oracle|db2"
    "|mongodb|redis|rediss|valkey|valkeys|amqps?|pyamqp|nats|kafka|memcached?|elasticsearch|opensearch|cassandra|neo4j"
    "|bolt|clickhouse|influxdb"
)
_ADDRESS = re.compile(rf"(?<![a-z0-9])(?:jdbc:)?(?:{_SCHEMES})(?:\+[a-z0-9_.-]{{1,40}})?://", re.IGNORECASE)
_KINDS = "DB|DATABASE|SQL|PG|POSTGRES|POSTGRESQL|MYSQL|MARIADB|MONGO|MONGODB|REDIS|VALKEY|RABBITMQ|AMQP|BROKER|KAFKA"
_HOST = re.compile(rf"(?:[A-Z0-9]+_)*(?:{_KINDS})_?(?:HOST|HOSTNAME|HOSTADDR|SERVER|ADDR|ADDRESS)")
_LONGEST = 4096  # characters of a value that are looked at


def outside_services(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Names, sorted, of the variables that hold the address of a server with data or a queue.

    On this box counts as well: `localhost` is no less somebody's.
    """
    return tuple(sorted(name for name, value in variables.items() if _leads_out(name, value[:_LONGEST])))


def _leads_out(name: str, value: str) -> bool:
    return bool(_ADDRESS.search(value)) or (bool(value.strip()) and _HOST.fullmatch(name.upper()) is not None)
