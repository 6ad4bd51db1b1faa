"""What speaks for a database or a cache: drivers among the dependencies, variables that the code reads, URL schemes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pullet.analysis.detection.detectors.dependencies import Requirement, requirements
from pullet.analysis.detection.drivers import OTHERS, POSTGRESQL, SQLALCHEMY_DRIVERS, VALKEY, needed_by
from pullet.analysis.detection.names import field_of, is_of_another
from pullet.analysis.detection.reads import Read
from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

DRIVER, READ, CELERY = "fact.driver", "fact.read", "fact.celery"
"""Subjects, followed by the type of service: `fact.driver.postgresql`."""

INSISTED = "fact.insisted"
"""Subject; the value is a variable with the address of a database, without which the code does not start."""

SCHEME = "fact.scheme"
"""Subject; the value is the URL's scheme that the app's libraries, or its own code, take."""

_DETECTOR = "services"
_ASYNC = re.compile(r"\b(?:create_async_engine|async_engine_from_config|AsyncSession|async_sessionmaker)\b")
_BARE = re.compile(
    r"\b(?:asyncpg|psycopg|psycopg2|psycopg_pool)\.(?:connect|create_pool|AsyncConnection|Connection)\b|\bConnectionPool\("
)
_REPLACED = re.compile(
    r"""(?:replace|sub)\(\s{0,40}r?["']\^?(postgres(?:ql)?(?::/?/?)?)["']\s{0,9},\s{0,40}r?["']([^"']{0,40})"""
)
_LOOKED_AT = re.compile(r"""startswith\(\s{0,40}\(?[^)\n]{0,80}["']postgresql://["']""")
_HEROKUS = re.compile(r"""startswith\(\s{0,40}\(?[^)\n]{0,80}["']postgres://["'][^)\n]{0,80}\)""")
_SQLALCHEMY = frozenset(
    {"sqlalchemy", "flask-sqlalchemy", "sqlmodel", "alembic", "flask-migrate", "advanced-alchemy", "databases"}
)
_OF_DJANGO = frozenset({"dj-database-url", "django-environ"})
_BY_DEFAULT = ("psycopg2", "psycopg2-binary", "psycopg", "asyncpg", "pg8000")
"""SQLAlchemy's drivers. Where the URL names none it takes psycopg2, from 2.1 on psycopg."""
_SETTLING = frozenset({"host", "user", "password", "url", "text", "port"})
_DRIVEN = re.compile(r"postgresql\+([a-z0-9]{1,20})://")


def drivers_of(repository: Repository) -> Iterator[Evidence]:
    for requirement in requirements(repository):
        place = (requirement.path, requirement.line)
        because = f"{requirement.name} is among the dependencies"
        if service := needed_by(requirement.name):
            yield _say(f"{DRIVER}.{service}", requirement.name, repository, place, because)
        if requirement.name.partition("[")[0] in OTHERS:
            yield _say(f"{DRIVER}.other", requirement.name, repository, place, because)
        if requirement.name.partition("[")[0] == "celery":
            yield _say(CELERY, requirement.name, repository, place, because)


def addresses(repository: Repository, reads: Sequence[Read]) -> Iterator[Evidence]:
    """Variables that hold an address of a service, or a part of one."""
    fields = {read.name: field for read in reads if (field := field_of(read.name))}
    django = any(requirement.name.partition("[")[0] == "django" for requirement in requirements(repository))
    foreign = {_family(read.name) for read in reads if read.name in fields and is_of_another(read.name, read.default)}
    settled = {_family(name) for name, (_, field) in fields.items() if field in _SETTLING}
    seen: set[str] = set()
    for read in reads:
        field = fields.get(read.name)
        if field is None or read.name in seen or _family(read.name) in foreign or not _is_wanted(field, read, django):
            continue
        if field[1] == "database" and _family(read.name) not in settled:
            continue  # without a server it is the name of a file
        seen.add(read.name)
        place = (read.path, read.line)
        yield _say(f"{READ}.{field[0]}", read.name, repository, place, f"{read.path} reads ${read.name}")
        if field == (POSTGRESQL, "url") and read.name == "DATABASE_URL" and read.demanded:
            yield _say(INSISTED, read.name, repository, place, f"{read.path} does not start without ${read.name}")


def _is_wanted(field: tuple[str, str], read: Read, django: bool) -> bool:
    if field == (VALKEY, "database"):
        return not read.has_default  # each server is the app's own, so its numbers are too
    if field[1] == "engine":
        return django and (not read.default or read.default.startswith("django."))
    return True


def _family(name: str) -> str:
    """What names of one server have in common: `DB` of DB_HOST, DBNAME and DB_USER."""
    words = re.match(r"(?:.*_)?(?:DB|DATABASE|PSQL|PGSQL|SQL|POSTGRES(?:QL)?|PG|RDS|REDIS|VALKEY)(?=_|[A-Z])", name)
    return words[0] if words else name


def schemes(repository: Repository, reads: Sequence[Read]) -> Iterator[Evidence]:
    """SQLAlchemy takes the driver from the URL; code may rewrite, or look at, what it is given."""
    listed = _listed(repository)
    if "tortoise-orm" in listed:
        place = listed["tortoise-orm"]
        because = "Tortoise ORM knows the scheme `postgres` only"
        yield _say(SCHEME, "postgres", repository, (place.path, place.line), because)
    texts = {path: repository.text(path) for path in repository.python_files}
    if rewriting := _rewriting(texts):
        path, line, old, new = rewriting
        wanted = "postgresql" if old.startswith("postgresql") else "postgres"
        because = f"{path} itself turns {old} into {new}"
        yield _say(SCHEME, wanted, repository, (path, line), because)
    if not _SQLALCHEMY & listed.keys() and not rewriting:
        yield from _insisted_on(repository, texts)
    if _OF_DJANGO & listed.keys() or not _SQLALCHEMY & listed.keys():
        return
    yield from _looked_at(repository, texts)
    yield from _in_default(repository, reads, listed)
    if not any(_BARE.search(text) for text in texts.values()):
        yield from _by_driver(repository, texts, listed)


def _listed(repository: Repository) -> Mapping[str, Requirement]:
    """Requirements by name; a driver that another one's extra brings, by the driver's."""
    found: dict[str, Requirement] = {}
    for requirement in requirements(repository):
        name, _, extras = requirement.name.rstrip("]").partition("[")
        found.setdefault(name, requirement)
        for extra in extras.split(","):
            if driver := SQLALCHEMY_DRIVERS.get(re.sub(r"[-_.]+", "-", extra)):
                found.setdefault(driver, requirement)
    return found


def _rewriting(texts: Mapping[str, str]) -> tuple[str, int, str, str] | None:
    """Where code replaces the scheme: (path, line, what, by what). `postgres://` made `postgresql://` asks for nothing:
    what is given is that already."""
    for path, text in texts.items():
        for found in _REPLACED.finditer(text) if "postgres" in text else ():
            old, new = found[1], found[2]
            if not (old in ("postgres:", "postgres://") and new in ("postgresql:", "postgresql://")):
                return path, text.count("\n", 0, found.start()) + 1, old, new
    return None


def _looked_at(repository: Repository, texts: Mapping[str, str]) -> Iterator[Evidence]:
    for path, text in texts.items():
        if found := _LOOKED_AT.search(text):
            line = text.count("\n", 0, found.start()) + 1
            yield _say(SCHEME, "postgresql", repository, (path, line), f"{path} looks for postgresql://")


def _insisted_on(repository: Repository, texts: Mapping[str, str]) -> Iterator[Evidence]:
    """Code that knows a PostgreSQL by the scheme that Heroku gives."""
    for path, text in texts.items():
        if (found := _HEROKUS.search(text)) and "postgresql://" not in found[0]:
            line = text.count("\n", 0, found.start()) + 1
            yield _say(SCHEME, "postgres", repository, (path, line), f"{path} looks for postgres://")


def _in_default(repository: Repository, reads: Sequence[Read], listed: Mapping[str, Requirement]) -> Iterator[Evidence]:
    """The scheme of what the code falls back on."""
    for read in reads:
        driver = _DRIVEN.match(read.default or "")
        if driver and field_of(read.name) == (POSTGRESQL, "url") and _installed(driver[1], listed):
            because = f"what stands in for ${read.name} names {driver[1]}"
            yield _say(SCHEME, f"postgresql+{driver[1]}", repository, (read.path, read.line), because)


def _installed(driver: str, listed: Mapping[str, Requirement]) -> bool:
    return driver in listed or f"{driver}-binary" in listed


def _by_driver(
    repository: Repository, texts: Mapping[str, str], listed: Mapping[str, Requirement]
) -> Iterator[Evidence]:
    waits = next((path for path, text in texts.items() if _ASYNC.search(text)), None)
    drivers = ("asyncpg", "psycopg") if waits else _BY_DEFAULT
    driver = next((name for name in drivers if name in listed), "")
    if driver:
        place, dialect = listed[driver], driver.removesuffix("-binary")
        because = f"SQLAlchemy is told to use {dialect}" + (f", as {waits} makes an async engine" if waits else "")
        yield _say(SCHEME, f"postgresql+{dialect}", repository, (place.path, place.line), because)


def _say(subject: str, value: str, repository: Repository, place: tuple[str, int], because: str) -> Evidence:
    return Evidence(subject, value, repository.place(*place), Confidence.LIKELY, _DETECTOR, because)
