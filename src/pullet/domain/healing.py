"""Healing: what Pullet changes about a build by itself, so that what time has broken runs again. Values only.

A change touches what is installed, which interpreter runs it or how strict a tool is, never the repository. It belongs
to the release: the same release built again is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    REQUIREMENT = "requirement"  # `setuptools<81`: one more package
    CONSTRAINT = "constraint"  # `Werkzeug<3`: a bound for one that comes along anyway
    REPLACEMENT = "replacement"  # `psycopg2 psycopg2-binary`: the same code, packaged otherwise
    EXCLUDE_NEWER = "exclude-newer"  # `2023-05-01T12:00:00Z`: versions as they were at that time
    PYTHON = "python"  # `3.11`: another interpreter
    BUILD_CONSTRAINT = "build-constraint"  # `setuptools<66`: a bound for what packages are built with
    STATIC = "static"  # `missing`: static files may refer to files that are not there
    ASSETS = "assets"  # `as committed`: what Node would build


MISSING, NO_ASSETS = "missing", "as committed"
"""The one value of ChangeKind.STATIC, and of ASSETS."""


@dataclass(frozen=True)
class Change:
    """One adjustment of how a release is built."""

    kind: ChangeKind
    value: str

    def __str__(self) -> str:
        value = self.value.replace(" ", " -> ") if self.kind is ChangeKind.REPLACEMENT else self.value
        return f"{_WORDS[self.kind]} {value}"


_WORDS = {
    ChangeKind.REQUIREMENT: "added",
    ChangeKind.CONSTRAINT: "limited to",
    ChangeKind.REPLACEMENT: "replaced",
    ChangeKind.EXCLUDE_NEWER: "resolved as of",
    ChangeKind.PYTHON: "run with Python",
    ChangeKind.BUILD_CONSTRAINT: "source packages built with",
    ChangeKind.STATIC: "files that style sheets refer to may be",
    ChangeKind.ASSETS: "assets left",
}


@dataclass(frozen=True)
class Heal:
    """A change that was made, and why."""

    change: Change
    cause: str
    """One sentence."""
    step: str
    """The step that had failed: `build`."""
    inherited: bool = False
    """It had worked for the release before this one and was there from the start."""

    def __str__(self) -> str:
        return f"{self.change}: {self.cause}"


class HealPolicy(StrEnum):
    """`[build] heal`."""

    OFF = "false"
    UNPINNED = "true"  # nothing that the owner has pinned is changed
    PINS = "pins"


@dataclass(frozen=True)
class Diagnosis:
    """Why a step failed, and the one change that should mend it."""

    cause: str
    """One sentence without a full stop."""
    change: Change | None = None
    """None: nothing that Pullet may change helps."""
    hint: str = ""
    pin: str = ""
    """What the owner has pinned and the change would override, such as `setuptools==82.0` or `Python 3.12`."""
