"""Backing services: what an app asks for, what it is given, and what there is of it on the box."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pullet.domain.identity import EnvironmentKey


class ServiceType(StrEnum):
    """`holds_data`: a copy of an environment's data has it. A queue is none: its jobs would be done twice."""

    POSTGRESQL = "postgresql"  # a database and a role of one server a target
    VALKEY = "valkey"  # a server of its own
    SQLITE = "sqlite"  # a file that outlives releases
    VOLUME = "volume"  # a folder that outlives releases

    @property
    def holds_data(self) -> bool:
        return self is not ServiceType.VALKEY


@dataclass(frozen=True)
class ServiceSpec:
    """One service as an app asks for it: `[services.NAME]`, or detected."""

    name: str
    type: ServiceType
    extensions: tuple[str, ...] = ()
    """Of PostgreSQL."""
    path: str = ""
    """Where a file or folder appears in the app, relative to its root (sqlite, volume)."""
    memory: int | None = None
    """Bytes that valkey may hold; None leaves the platform's default."""
    persistent: bool = True
    """False makes valkey a cache: nothing is written to disk, and what is least used goes when it is full."""
    names: tuple[tuple[str, str], ...] = ()
    """Variable -> field of the address that the app reads there beyond the usual ones: `("DB_HOST", "host")`."""
    scheme: str = ""
    """Of the URL, where the app's libraries want another one than the usual: `postgresql+asyncpg`."""


@dataclass(frozen=True, order=True)
class ServiceKey:
    """One service of one environment: `shop/production/db`."""

    environment: EnvironmentKey
    name: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.name}"


@dataclass(frozen=True)
class Grant:
    """What the processes of an environment are given of a service."""

    variables: tuple[tuple[str, str], ...] = ()
    """Such as DATABASE_URL, by the names that apps look for when the service is the only one of its type."""
    secrets: tuple[str, ...] = ()
    """Values among them that never appear in a log."""
    folders: tuple[str, ...] = ()
    """Absolute folders that the processes may write, beyond their own tree."""
    links: tuple[tuple[str, str], ...] = ()
    """(path relative to the app's root, absolute path): what shall appear in the app's tree."""


@dataclass(frozen=True)
class Shell:
    """What people look into a service's data with, run as the app in its sandbox."""

    argv: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    """Passwords are here, never among the words."""
    readable: tuple[str, ...] = ()
    """Absolute folders that it needs beyond the system's."""


@dataclass(frozen=True)
class ServiceState:
    """One service as observed, whether or not an app still asks for it."""

    key: ServiceKey
    type: ServiceType
    running: bool
    """Also True for files and folders, which need nothing to run."""
    size: int
    """Bytes of data on the disk."""
    detail: str = ""
    """For people: the server's version, or why it does not run."""
