"""What a trap is: a repository as plain data, what it teaches, and what must become of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """Another repository's commit that nobody can fetch."""

    commit: str = "1" * 40


Entry = str | bytes | Link | Submodule


@dataclass(frozen=True)
class Serves:
    """Live without any configuration: `text` is in what GET `path` answers with `status`."""

    text: str
    path: str = "/"
    status: int = 200
    heals: tuple[str, ...] | None = ()
    """A word of each change that healing made, in order; no other may have been made. None: the box decides."""


@dataclass(frozen=True)
class Stops:
    """The deployment ends with this code, its words are in what the command says, and nothing is left running."""

    code: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Trap:
    name: str
    """What the app is called: lower case, digits and dashes."""
    lesson: str
    """What real repositories do, in one line."""
    files: Mapping[str, Entry]
    expects: Serves | Stops
    command: str = ""
    """The web command that detection decides; empty: detection itself stops."""
    decides: Mapping[str, str] = field(default_factory=dict)
    """Other decisions, by subject; an empty text: there must be none."""
    committed: str = ""
    """Date of the commit, as 2021-06-01; empty: now."""
    wrong: str = ""
    """Why Pullet does not do this yet: such a trap must fail, and says so when it no longer does."""
