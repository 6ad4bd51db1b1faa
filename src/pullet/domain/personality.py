"""What other platforms put into the environment of the apps that they run, for code that was written for one of them.

Only the names that an app's code reads are set. The stage is always production, whatever the environment is called:
what an app does on its developer's machine must not happen where visitors come.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from pullet.domain.identity import EnvironmentKey

ENTROPY = "PLATFORM_PROJECT_ENTROPY"
TELLING = frozenset({ENTROPY, "PLATFORM_RELATIONSHIPS", "AZURE_POSTGRESQL_CONNECTIONSTRING"})
"""Variables whose values must not be seen in a log."""


@dataclass(frozen=True)
class Personality:
    """The platform that an app was written for, as far as the app takes notice."""

    vendor: str
    """As in `VARIABLES`: `Render`."""
    variables: tuple[tuple[str, str], ...] = ()
    """(name that the app reads, the vendor's variable that it holds); the two differ only where the vendor's file
    says so."""
    relationships: tuple[tuple[str, str], ...] = ()
    """Upsun's names for services: (`database`, `postgresql`)."""
    hosts: tuple[str, ...] = ()
    """Hostnames of the environment when the release was made."""


@dataclass(frozen=True)
class Surroundings:
    """Where a release runs."""

    environment: EnvironmentKey
    hosts: tuple[str, ...]
    sha: str
    ref: str
    number: int
    folder: str
    """Absolute: the app's own."""
    granted: Mapping[str, str] = field(default_factory=dict)
    """Variables that services gave, such as DATABASE_URL."""
    secret: str = ""
    """Made once an environment."""
    relationships: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        """The first that the owner gave; else the one that always answers on the box."""
        return next((host for host in self.hosts if not host.endswith(".localhost")), self.environment.localhost)

    @property
    def url(self) -> str:
        return f"{'http' if self.host.endswith('.localhost') else 'https'}://{self.host}"


_Values: TypeAlias = Mapping[str, str]


def variables_of(personality: Personality, around: Surroundings) -> dict[str, str]:
    """The variables to set, by name; what this place cannot tell is left out."""
    known = _MAKERS[personality.vendor](around) if personality.vendor in _MAKERS else {}
    return {name: known[source] for name, source in personality.variables if known.get(source)}


def _render(around: Surroundings) -> _Values:
    return {
        "RENDER": "true",
        "RENDER_EXTERNAL_HOSTNAME": around.host,
        "RENDER_EXTERNAL_URL": around.url,
        "RENDER_SERVICE_NAME": around.environment.app,
        "RENDER_SERVICE_TYPE": "web",
        "RENDER_INSTANCE_ID": f"{around.environment.app}-{around.number}",
        "RENDER_GIT_COMMIT": around.sha,
        "RENDER_GIT_BRANCH": around.ref,
        "IS_PULL_REQUEST": "false",
    }


def _heroku(around: Surroundings) -> _Values:
    return {
        "DYNO": "web.1",
        "HEROKU_APP_NAME": around.environment.app,
        "HEROKU_APP_DEFAULT_DOMAIN_NAME": around.host,
        "HEROKU_SLUG_COMMIT": around.sha,
        "HEROKU_BUILD_COMMIT": around.sha,
        "HEROKU_RELEASE_VERSION": f"v{around.number}",
    }


def _scalingo(around: Surroundings) -> _Values:
    return {
        "APP": around.environment.app,
        "CONTAINER": "web-1",
        "CONTAINER_VERSION": around.sha,
        "SCALINGO_POSTGRESQL_URL": _address(around, "postgresql"),
        "SCALINGO_REDIS_URL": _address(around, "valkey"),
    }


def _railway(around: Surroundings) -> _Values:
    return {
        "RAILWAY_ENVIRONMENT": "production",
        "RAILWAY_ENVIRONMENT_NAME": "production",
        "RAILWAY_PUBLIC_DOMAIN": around.host,
        "RAILWAY_STATIC_URL": around.host,
        "RAILWAY_SERVICE_NAME": around.environment.app,
        "RAILWAY_PROJECT_NAME": around.environment.app,
        "RAILWAY_GIT_COMMIT_SHA": around.sha,
        "RAILWAY_GIT_BRANCH": around.ref,
    }


def _fly(around: Surroundings) -> _Values:
    return {
        "FLY_APP_NAME": around.environment.app,
        "FLY_MACHINE_ID": f"{around.environment.app}-{around.number}",
        "FLY_ALLOC_ID": f"{around.environment.app}-{around.number}",
        "FLY_REGION": "local",
    }


def _koyeb(around: Surroundings) -> _Values:
    return {
        "KOYEB_PUBLIC_DOMAIN": around.host,
        "KOYEB_APP_NAME": around.environment.app,
        "KOYEB_SERVICE_NAME": around.environment.app,
        "KOYEB_GIT_SHA": around.sha,
        "KOYEB_GIT_BRANCH": around.ref,
    }


def _digitalocean(around: Surroundings) -> _Values:
    return {
        "APP_DOMAIN": around.host,
        "APP_URL": around.url,
        "APP_ID": around.environment.app,
        "COMMIT_HASH": around.sha,
    }


def _azure(around: Surroundings) -> _Values:
    database = _parts(around, "postgresql")
    words = {"dbname": "path", "host": "host", "port": "port", "user": "username", "password": "password"}
    connection = " ".join(f"{word}={database[key]}" for word, key in words.items()) if database else ""
    return {
        "WEBSITE_HOSTNAME": around.host,
        "WEBSITE_SITE_NAME": around.environment.app,
        "WEBSITE_INSTANCE_ID": f"{around.environment.app}-{around.number}",
        "AZURE_POSTGRESQL_CONNECTIONSTRING": connection,
        "AZURE_POSTGRESQL_HOST": database.get("host", ""),
        "AZURE_POSTGRESQL_PORT": database.get("port", ""),
        "AZURE_POSTGRESQL_USER": database.get("username", ""),
        "AZURE_POSTGRESQL_PASSWORD": database.get("password", ""),
        "AZURE_POSTGRESQL_NAME": database.get("path", ""),
        "AZURE_POSTGRESQL_DATABASE": database.get("path", ""),
        "AZURE_REDIS_CONNECTIONSTRING": _address(around, "valkey"),
    }


def _upsun(around: Surroundings) -> _Values:
    route = {"primary": True, "id": None, "type": "upstream", "upstream": "app", "original_url": "https://{default}/"}
    related = {name: [_relationship(around, kind)] for name, kind in around.relationships if _parts(around, kind)}
    return {
        "PLATFORM_APPLICATION_NAME": "app",
        "PLATFORM_APP_DIR": around.folder,
        "PLATFORM_DIR": around.folder,
        "PLATFORM_BRANCH": around.ref,
        "PLATFORM_ENVIRONMENT": around.environment.name,
        "PLATFORM_ENVIRONMENT_TYPE": "production",
        "PLATFORM_PROJECT": around.environment.app,
        "PLATFORM_TREE_ID": around.sha,
        ENTROPY: around.secret,
        "PLATFORM_ROUTES": _encoded({f"{around.url}/": route}),
        "PLATFORM_RELATIONSHIPS": _encoded(related),
        "PLATFORM_VARIABLES": _encoded({}),
    }


def _relationship(around: Surroundings, kind: str) -> dict[str, object]:
    parts = _parts(around, kind)
    scheme = "pgsql" if kind == "postgresql" else "redis"
    port = int(parts["port"]) if parts["port"].isdigit() else None
    return {**parts, "scheme": scheme, "port": port, "ip": parts["host"], "query": {"is_master": True}, "rel": scheme}


def _parts(around: Surroundings, kind: str) -> dict[str, str]:
    """Of a service's address, by Upsun's words; empty without one."""
    address = urlsplit(_address(around, kind))
    if not address.hostname and not around.granted.get("PGHOST"):
        return {}
    if kind == "postgresql" and around.granted.get("PGHOST"):
        words = {"host": "HOST", "port": "PORT", "username": "USER", "password": "PASSWORD", "path": "DATABASE"}
        return {word: around.granted.get(f"PG{name}", "") for word, name in words.items()}
    if not address.hostname:
        return {}
    return {
        "host": address.hostname,
        "port": str(address.port or ""),
        "username": address.username or "",
        "password": address.password or "",
        "path": address.path.lstrip("/"),
    }


def _address(around: Surroundings, kind: str) -> str:
    return around.granted.get("DATABASE_URL" if kind == "postgresql" else "REDIS_URL", "")


def _encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


_MAKERS: Mapping[str, Callable[[Surroundings], _Values]] = {
    "Render": _render,
    "Upsun": _upsun,
    "DigitalOcean": _digitalocean,
    "Railway": _railway,
    "Fly": _fly,
    "Azure": _azure,
    "Scalingo": _scalingo,
    "Heroku": _heroku,
    "Koyeb": _koyeb,
}

VARIABLES: Mapping[str, tuple[str, ...]] = {
    vendor: tuple(make(Surroundings(EnvironmentKey("app", "production"), (), "", "", 0, "")))
    for vendor, make in _MAKERS.items()
}
"""Names by vendor."""

HOSTNAMES: Mapping[str, str] = {
    "RENDER_EXTERNAL_HOSTNAME": "Render",
    "RENDER_EXTERNAL_URL": "Render",
    "KOYEB_PUBLIC_DOMAIN": "Koyeb",
    "RAILWAY_PUBLIC_DOMAIN": "Railway",
    "RAILWAY_STATIC_URL": "Railway",
    "HEROKU_APP_DEFAULT_DOMAIN_NAME": "Heroku",
}
"""Variables that tell the vendor by themselves, and that an app may need to answer at all: set without a file, too."""
