"""A sandbox that confines nothing and remembers what it was asked: for tests of the drivers that use one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.runtime import Capability
from pullet.drivers.confinement import Confinement


@dataclass
class Unconfined:
    confined: list[tuple[Command, Confinement]] = field(default_factory=list)
    handed_over: list[tuple[Path, str]] = field(default_factory=list)

    def confine(self, command: Command, confinement: Confinement) -> Command:
        missing = [path for path in (*confinement.readable, *confinement.writable) if not Path(path).exists()]
        assert not missing, f"bubblewrap can show only what is there, which {missing} is not"
        self.confined.append((command, confinement))
        return command

    def capabilities(self) -> tuple[Capability, ...]:
        return (Capability("sandbox", False, "a fake confines nothing"),)

    def hand_over(self, path: Path, app: str) -> None:
        self.handed_over.append((path, app))

    def user(self, app: str) -> int | None:
        return None

    def can_show(self, folder: Path) -> bool:
        return True
