"""Values of variables in other platforms' files: which of them mean something here."""

from __future__ import annotations

import re

from pullet.analysis.detection.vendors.shell import word_set
from pullet.domain.secrets import name_trouble

POSTGRESQL, VALKEY = "postgresql", "valkey"

_SET_HERE = word_set(
    # Pullet gives these itself, or they speak to the builder or the container of the vendor
    "PORT HOST PATH HOME USER PWD SHELL HOSTNAME VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONUSERBASE "
    "PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONFAULTHANDLER POETRY_VERSION UV_VERSION PIP_VERSION "
    "PIPENV_VERSION NODE_VERSION NODE_ENV NPM_CONFIG_PRODUCTION DEBIAN_FRONTEND DISABLE_COLLECTSTATIC "
    "GUNICORN_CMD_ARGS UVICORN_PORT UVICORN_HOST FLASK_RUN_PORT FLASK_RUN_HOST WEBSITES_PORT "
    "SCM_DO_BUILD_DURING_DEPLOYMENT"
)
_FOR_BUILDERS = re.compile(r"(PIP|UV|POETRY|PIPENV|NIXPACKS|RAILPACK|BUILDPACK|DOCKER|COMPOSE|APT|LC|GPG)_.*|LANG")
_DEBUG = re.compile(r"(?:[A-Z0-9]+_)*(?:DEBUG|DEBUG_MODE|DEVELOPMENT|RELOAD|TESTING|TEMPLATES_AUTO_RELOAD)")
_STAGE = re.compile(r"(?:[A-Z0-9]+_)*(?:ENV|ENVIRONMENT|STAGE|MODE|CONFIG)")
_FALSE = frozenset({"", "0", "false", "no", "off", "n", "f", "none"})
_DEVELOPMENT = re.compile(r"(?i)(.*[._:-])?(dev|develop|development|debug|local|test|testing)(config|settings)?")
_SECRET = re.compile(r"(?:[A-Z0-9]+_)*(?:SECRET_KEY|SECRET|SECRET_KEY_BASE|PASSWORD_SALT|JWT_KEY|SESSION_KEY)")
_CREDENTIAL = re.compile(
    r"(?:[A-Z0-9]+_)*(?:PASSWORD|PASSWD|PASSPHRASE|TOKEN|API_KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS)"
)
_REFERENCE = re.compile(r"\$\{|\$\(|\{\{|\$[A-Za-z_]|%\(|<[^>]*>")
_PLACEHOLDER = re.compile(
    r"(?i)(needs?|has|have)_to_be_\w+|change[_-]?(me|this|it)\W*|your[-_ ].*|x{3,}|todo|replace[-_ ].*"
)
_LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d+)?|[a-z+]+://\S*")
_SERIES = re.compile(r"(?:python[:@-]?)?v?(3)\.(\d{1,2})(?:\.(?:\d+|x|\*))?(?:[a-z]+\d*)?(?:-[\w.-]*)?", re.IGNORECASE)


def unusable(name: str, value: str) -> str:
    """Why a variable is not taken over; empty where it can be."""
    if name in _SET_HERE or _FOR_BUILDERS.fullmatch(name):
        return "Pullet sets it, or it is for the vendor's builder"
    if _CREDENTIAL.fullmatch(name):
        return "a value in a repository is no secret: give it with `pullet secrets set`"
    return name_trouble(name) or _unusable_value(value)


def _unusable_value(value: str) -> str:
    if _REFERENCE.search(value):
        return "refers to something of the vendor's"
    if _PLACEHOLDER.fullmatch(value):
        return "waits for a value of yours: set it in pullet.toml or with `pullet secrets set`"
    if "://" in value and _LOCAL.fullmatch(value) and service_of(value.partition(":")[0]):
        return "is the address of a service that is not there"
    return ""


def is_for_development(name: str, value: str) -> bool:
    """`DEBUG=True`, `FLASK_ENV=development`, `DJANGO_SETTINGS_MODULE=shop.settings.dev`: unsafe where visitors come."""
    if _DEBUG.fullmatch(name):
        return value.lower() not in _FALSE
    speaks_of_stage = _STAGE.fullmatch(name) or name == "DJANGO_SETTINGS_MODULE"
    return bool(speaks_of_stage and _DEVELOPMENT.fullmatch(value))


def is_secret(name: str) -> bool:
    """Whether any random text will do as its value."""
    return bool(_SECRET.fullmatch(name))


def python_series(text: str) -> str | None:
    """`3.12` of `python-3.12.4`, `3.12.x`, `python:3.12-slim`."""
    found = _SERIES.fullmatch(text)
    return f"{found[1]}.{found[2]}" if found else None


def service_of(text: str) -> str:
    """The type of service of ours that does the work of another one: `postgres:16`, `PG`, `keyvalue`."""
    name = text.lower()
    if re.search(r"postg|\bpg\b|timescale|pgvector|neon|supabase", name):
        return POSTGRESQL
    return VALKEY if re.search(r"redis|valkey|keyvalue|key_value|keydb|dragonfly", name) else ""


def inside(path: str, roots: tuple[str, ...] = ()) -> str:
    """The folder of the repository that a vendor's path means; empty for any other place."""
    for root in roots:
        if path == root or path.startswith(f"{root}/"):
            path = path[len(root) :].lstrip("/")
            break
    path = path.removeprefix("./").strip("/") if not path.startswith("/") else path
    unsafe = path.startswith(("/", ".git", "~", "$")) or ".." in path.split("/") or "\\" in path
    return "" if unsafe or len(path) > 300 or path in ("", ".") or not path.isprintable() else path
