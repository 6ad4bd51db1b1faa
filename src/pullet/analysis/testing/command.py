"""Which runner a command line is, and what it is to be given: pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from pullet.domain.testing import Runner

_SHELL = re.compile(r"[|&;<>()$`\\*?{}\n]|^\s*!")
"""What only a shell understands, where it is not quoted."""
_QUOTED = re.compile(r"""'[^'\n]*'|"[^"$`\\\n]*\"""")
_PREFIXES = (
    ("uv", "run"),
    ("poetry", "run"),
    ("pipenv", "run"),
    ("pdm", "run"),
    ("hatch", "run"),
)
"""What people write before a command to have their environment; ours is it already."""
_PYTHON = re.compile(r"(?:\S*/)?python(?:3(?:\.\d+)?)?")
_PYTEST = frozenset({"pytest", "py.test"})


@dataclass(frozen=True)
class Ask:
    """A command, understood."""

    runner: Runner
    arguments: tuple[str, ...] = ()
    """For the runner."""
    program: str = ""
    """Of Django, the path of its manage.py; of another command, the whole command line."""


def understood(command: str) -> Ask:
    """The runner of a command line as somebody would type it in the app's folder. Never raises.

    What is not surely one of the known runners is a command of another kind: run as it is.
    """
    words = _words(command)
    match words:
        case [first, *rest] if PurePosixPath(first).name in _PYTEST:
            return Ask(Runner.PYTEST, tuple(rest))
        case [first, "-m", "pytest", *rest] if _PYTHON.fullmatch(first):
            return Ask(Runner.PYTEST, tuple(rest))
        case [first, "-m", "unittest", *rest] if _PYTHON.fullmatch(first):
            return Ask(Runner.UNITTEST, tuple(rest))
        case [first, manage, "test", *rest] if _PYTHON.fullmatch(first) and _is_manage(manage):
            return Ask(Runner.DJANGO, tuple(rest), manage)
        case [manage, "test", *rest] if _is_manage(manage) and manage.startswith("./"):
            return Ask(Runner.DJANGO, tuple(rest), manage)
    return Ask(Runner.OTHER, (), command)


def _words(command: str) -> list[str]:
    """Empty where a shell has to read it."""
    if _SHELL.search(_QUOTED.sub("", command)):
        return []
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    for prefix in _PREFIXES:
        if tuple(words[: len(prefix)]) == prefix:
            rest = words[len(prefix) :]
            return [] if rest[:1] and rest[0].startswith("-") else rest
    return words


def _is_manage(path: str) -> bool:
    return PurePosixPath(path).name == "manage.py" and not path.startswith("/") and ".." not in path.split("/")
