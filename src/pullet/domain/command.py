"""A command is a value before it runs: building one starts nothing, so a deployment is tested by comparing lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath


@dataclass(frozen=True)
class Command:
    """What `drivers.process.ProcessRunner` can run. Never a shell line: a shell, where wanted, is in `argv`."""

    argv: tuple[str, ...]
    cwd: PurePath | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The whole environment of the child: nothing is inherited that is not named here."""
    timeout: float = 60.0
    """Seconds until the whole process group is ended."""
    output_limit: int = 1 << 20
    """Bytes of output kept in memory; the rest is counted and dropped (a log sink still sees every line)."""
    stdin: bytes = field(default=b"", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that are replaced by *** wherever the output or the argv is shown."""
    ok: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Completed:
    """A command that ended with an exit code in `ok`."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    duration: float
    """Seconds."""
    truncated: int = 0
    """Bytes dropped over `output_limit`."""

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")
