"""A sandbox that confines nothing and remembers what it was asked to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.runtime import Capability
from pullet.drivers.confinement import Confinement


class FakeSandbox:
    def __init__(self) -> None:
        self.confined: list[Confinement] = []
        self.handed_over: list[tuple[Path, str]] = []

    def confine(self, command: Command, confinement: Confinement) -> Command:
        self.confined.append(confinement)
        return command

    def hand_over(self, path: Path, app: str) -> None:
        self.handed_over.append((path, app))

    def user(self, app: str) -> int | None:
        return None

    def capabilities(self) -> Sequence[Capability]:
        return (Capability("sandbox", False, "a fake confines nothing"),)
