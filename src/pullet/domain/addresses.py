"""The parts of a service's address, for apps that want them one by one, or under other names."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from pullet.domain.services import Grant, ServiceSpec, ServiceType

_URL = {ServiceType.POSTGRESQL: "DATABASE_URL", ServiceType.VALKEY: "REDIS_URL"}
_ENGINE = "django.db.backends.postgresql"
BUILD_TIME = {
    # Nothing is there while building, yet settings insist on values of the right shape.
    ServiceType.POSTGRESQL: "postgresql://nobody:unknown@127.0.0.1:5432/not-known-while-building",
    ServiceType.VALKEY: "redis://:unknown@127.0.0.1:6379/0",
    ServiceType.SQLITE: "sqlite:////tmp/not-known-while-building.db",
}


def fields(url: str) -> Mapping[str, str]:
    """`url`, `host`, `port`, `user`, `password`, `database`, `text` as libpq reads it, and what goes with a server
    on this box: `engine` of Django, `sslmode`."""
    parts = urlsplit(url)
    found = {
        "url": url,
        "host": parts.hostname or "",
        "port": str(parts.port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.lstrip("/")),
        "engine": _ENGINE,
        "sslmode": "prefer",
    }
    keywords = {"dbname": "database", "host": "host", "port": "port", "user": "user", "password": "password"}
    texts = [f"{keyword}={found[field]}" for keyword, field in keywords.items() if found[field]]
    found["text"] = " ".join([*texts, "sslmode=prefer"])  # what libpq takes by itself; some apps look for it
    return found


def as_asked(grant: Grant, spec: ServiceSpec) -> Grant:
    """The grant with the URL scheme and under the names that the app asks for."""
    given = dict(grant.variables)
    url = given.get(_URL.get(spec.type, ""), "")
    if not url or not (spec.scheme or spec.names):
        return grant
    wanted = with_scheme(url, spec.scheme)
    parts = fields(wanted)
    own = {name: parts[field] for name, field in spec.names if field in parts}
    variables = {name: wanted if value == url else value for name, value in given.items()} | own
    secrets = dict.fromkeys((*grant.secrets, wanted, parts["text"]))
    return Grant(tuple(variables.items()), tuple(secrets), grant.folders, grant.links)


def with_scheme(url: str, scheme: str) -> str:
    return f"{scheme}://{url.partition('://')[2]}" if scheme else url


def while_building(spec: ServiceSpec) -> Mapping[str, str]:
    """The variables of a service, with values that lead nowhere."""
    url = BUILD_TIME.get(spec.type, "")
    if not url:
        return {}
    parts = fields(url)
    plain = {_URL.get(spec.type, "DATABASE_URL"): with_scheme(url, spec.scheme)}
    if spec.type is ServiceType.POSTGRESQL:
        names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "DATABASE": "database"}
        plain |= {f"PG{name}": parts[field] for name, field in names.items()}
    return plain | {name: parts[field] for name, field in spec.names if field in parts}
