"""What the owner of an app wrote down, in the same form as what detectors find: evidence that nothing outweighs."""

from __future__ import annotations

from dataclasses import dataclass

from pullet.domain.app import Evidence


@dataclass(frozen=True)
class Declared:
    """pullet.toml, or [tool.pullet] of pyproject.toml, as evidence with Confidence.CERTAIN.

    Values are texts: numbers in plain digits (seconds, bytes), lists of commands with one command a line.
    """

    root: str
    """Sub-directory of the repository; `.` is the top."""
    name: str | None = None
    evidence: tuple[Evidence, ...] = ()
