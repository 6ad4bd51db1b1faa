"""What speaks for a database or a cache: drivers among the dependencies, variables that the code reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.detectors.dependencies import requirements
from pullet.analysis.detection.drivers import needed_by
from pullet.analysis.detection.names import field_of
from pullet.analysis.detection.repository import Repository, dotted_name, literal_text
from pullet.domain.app import Confidence, Evidence

DRIVER, READ, CELERY = "fact.driver", "fact.read", "fact.celery"
"""Subjects, followed by the type of service: `fact.driver.postgresql`."""

SCHEME = "fact.scheme"
"""Subject; the value is the scheme of the URL by which SQLAlchemy finds the driver that is installed."""

_DETECTOR = "services"
_TELLING = re.compile(r"environ|getenv|Settings\b|\bconfig\(|\benv(?:\.\w+)?\(|\bEnv\b")
_ASYNC = re.compile(r"\b(?:create_async_engine|async_engine_from_config|AsyncSession|async_sessionmaker)\b")
_BARE = re.compile(
    r"\b(?:asyncpg|psycopg|psycopg2|psycopg_pool)\.(?:connect|create_pool|AsyncConnection|Connection)\b|\bConnectionPool\("
)
_SQLALCHEMY = frozenset(
    {"sqlalchemy", "flask-sqlalchemy", "sqlmodel", "alembic", "flask-migrate", "advanced-alchemy", "databases"}
)
_MAPPINGS = frozenset({"os.environ", "environ", "env", "config"})
_READERS = frozenset(
    {
        "getenv",
        "get",
        "env",
        "config",
        "db",
        "db_url",
        "dj_db_url",
        "cache",
        "cache_url",
        "str",
        "url",
        "int",
        "read_env",
    }
)
_UNNAMED = {
    # calls that read a variable without naming it
    "dj_database_url.config": "DATABASE_URL",
    "env.db": "DATABASE_URL",
    "env.db_url": "DATABASE_URL",
}


def detect(repository: Repository) -> Iterable[Evidence]:
    yield from _drivers(repository)
    seen: set[str] = set()
    for path in repository.python_files:
        if not _TELLING.search(repository.text(path)) or not (tree := repository.module(path)):
            continue
        for variable, line in _read(tree, "dj_database_url" in repository.text(path)):
            if variable not in seen and (field := field_of(variable)):
                seen.add(variable)
                because = f"{path} reads ${variable}"
                yield _say(f"{READ}.{field[0]}", variable, repository, (path, line), because)
    yield from _scheme(repository)


def _scheme(repository: Repository) -> Iterator[Evidence]:
    """SQLAlchemy takes the driver from the URL, and psycopg2 where it says none."""
    listed = {requirement.name.partition("[")[0]: requirement for requirement in requirements(repository)}
    texts = {path: repository.text(path) for path in repository.python_files}
    if "tortoise-orm" in listed:
        place = listed["tortoise-orm"]
        because = "Tortoise ORM knows the scheme `postgres` only"
        yield _say(SCHEME, "postgres", repository, (place.path, place.line), because)
    if not _SQLALCHEMY & listed.keys() or any(_BARE.search(text) for text in texts.values()):
        return
    waits = next((path for path, text in texts.items() if _ASYNC.search(text)), None)
    drivers = ("asyncpg", "psycopg") if waits else ("psycopg2", "psycopg2-binary", "psycopg", "asyncpg", "pg8000")
    driver = next((name for name in drivers if name in listed), "")
    if driver and not driver.startswith("psycopg2"):
        place = listed[driver]
        because = f"SQLAlchemy is told to use {driver}" + (f", as {waits} makes an async engine" if waits else "")
        yield _say(SCHEME, f"postgresql+{driver}", repository, (place.path, place.line), because)


def _drivers(repository: Repository) -> Iterator[Evidence]:
    for requirement in requirements(repository):
        place = (requirement.path, requirement.line)
        because = f"{requirement.name} is among the dependencies"
        if service := needed_by(requirement.name):
            yield _say(f"{DRIVER}.{service}", requirement.name, repository, place, because)
        if requirement.name.partition("[")[0] == "celery":
            yield _say(CELERY, requirement.name, repository, place, because)


def _read(tree: ast.Module, url_reader: bool) -> Iterator[tuple[str, int]]:
    """Variables that a module reads, with the line. `url_reader`: a bare `config()` can be dj_database_url's."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=mapping, slice=key, ctx=ast.Load()) if dotted_name(mapping) in _MAPPINGS:
                yield literal_text(key) or "", node.lineno
            case ast.Call(func=function, args=[key, *_]) if _last_name(function) in _READERS:
                yield literal_text(key) or "", node.lineno
            case ast.Call(func=function, args=[]):
                name = dotted_name(function)
                yield _UNNAMED.get(name) or ("DATABASE_URL" if url_reader and name == "config" else ""), node.lineno
            case ast.ClassDef() if _is_settings(node):
                yield from _fields(node)


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else dotted_name(function)


def _is_settings(node: ast.ClassDef) -> bool:
    """A class of pydantic-settings whose fields are variables of the same name."""
    named = any(_last_name(base).endswith("Settings") for base in node.bases)
    return named and not any(_has_prefix(statement) for statement in node.body)


def _has_prefix(statement: ast.stmt) -> bool:
    return any(
        (isinstance(inner, ast.keyword) and inner.arg == "env_prefix")
        or (isinstance(inner, ast.Name) and inner.id == "env_prefix")
        for inner in ast.walk(statement)
    )


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id.upper(), statement.lineno


def _say(subject: str, value: str, repository: Repository, place: tuple[str, int], because: str) -> Evidence:
    return Evidence(subject, value, repository.place(*place), Confidence.LIKELY, _DETECTOR, because)
