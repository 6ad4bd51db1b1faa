"""What the owner of an app wrote down about it: pullet.toml as values. Everything is optional; the rest is detected."""

from __future__ import annotations

from dataclasses import dataclass

from pullet.domain.app import Place, StaticMount


@dataclass(frozen=True)
class DeclaredHealth:
    path: str | None = None
    timeout: float | None = None
    """Seconds."""
    grace: float | None = None
    """Seconds."""


@dataclass(frozen=True)
class DeclaredProcess:
    name: str
    command: str | None = None
    instances: int | None = None
    memory: int | None = None
    """Bytes."""
    drain: float | None = None
    """Seconds."""
    spares: int | None = None
    health: DeclaredHealth = DeclaredHealth()


@dataclass(frozen=True)
class Declared:
    path: str
    """The file it was read from."""
    name: str | None = None
    root: str = "."
    python: str | None = None
    build_commands: tuple[str, ...] | None = None
    """None: not said, so detection may propose; empty: none wanted."""
    release_commands: tuple[str, ...] | None = None
    processes: tuple[DeclaredProcess, ...] = ()
    static: tuple[StaticMount, ...] | None = None
    variables: tuple[tuple[str, str], ...] = ()
    secrets_required: tuple[str, ...] = ()
    secrets_generated: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()
    """Setting -> line where it was written, e.g. `processes.web.command` -> 7."""

    def place(self, setting: str) -> Place:
        return Place(self.path, dict(self.lines).get(setting, 0))
