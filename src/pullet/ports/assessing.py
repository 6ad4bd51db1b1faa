"""Who looks for what is unsafe in a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pullet.domain.app import AppSpec
from pullet.domain.security import EngineReport
from pullet.ports.common import LogSink


@dataclass(frozen=True)
class Subject:
    """What is assessed: files of one revision, and what is known of how they are run. All of it is hostile."""

    app: str
    """Whose user the engines run as."""
    tree: Path
    """The repository's files, checked out."""
    files: tuple[str, ...] = ()
    """Regular files in there, relative, sorted; links and submodules are not among them. Empty: whatever is there,
    which the assessor finds out."""
    only: frozenset[str] | None = None
    """Of `files` those to look at, where an engine looks at each file apart; None: all."""
    missed: tuple[tuple[str, str], ...] = ()
    """(path, why) of files that no engine shall open, such as one of 100 MB."""
    repository: Path | None = None
    """The `.git` folder, or a bare mirror; None: the files are all there is."""
    revision: str = ""
    """Full commit id of the files; empty: they are not committed."""
    base: str = ""
    """Full commit id that was assessed before; empty: everything is new."""
    spec: AppSpec | None = None
    """How the app is run; None where nobody could tell."""
    python: Path | None = None
    """Interpreter of the app's own environment; None: nothing is installed."""
    python_path: tuple[str, ...] = ()
    """Absolute folders that the app's imports begin at, as its build found them, beside its root."""
    frameworks: frozenset[str] = frozenset()
    """Lower-case: django, flask, fastapi, starlette…"""
    url: str = ""
    """Of a running instance that may be attacked; empty: there is none."""
    throw_away: bool = False
    """Nobody misses that instance and its data: requests may change them."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the app's processes get."""


class Engine(Protocol):
    """Looks for one kind of defect. The core knows none by name."""

    part: str

    def left_out(self, subject: Subject) -> str:
        """Why this engine has nothing to look at here (`no Django there`); empty where it has."""

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:
        """Look at everything or say what was not looked at. What raises is taken for not assessed."""


@dataclass(frozen=True)
class Examined:
    """What all engines together say."""

    reports: tuple[EngineReport, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """(part, why it has nothing to look at)."""
    frameworks: frozenset[str] = frozenset()


class Assessor(Protocol):
    """All the engines there are."""

    async def examine(self, subject: Subject, log: LogSink) -> Examined:
        """Does not raise for what an engine meets: that part has a gap then."""

    async def refresh(self) -> None:
        """Poll what engines compare with. Raises SourceError, AssessmentFailed; then they keep what they have."""
