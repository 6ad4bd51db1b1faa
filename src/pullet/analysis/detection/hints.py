"""What a Makefile, a justfile, a Taskfile or a README starts: it settles a tie between candidates, and nothing else.

Their lines are never run and never outweigh code: they are written for a developer's machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.selection import HINTS
from pullet.domain.app import Evidence

_LINES, _LENGTH = 2_000, 300
_STARTS = re.compile(
    r"\b(?:python3?|uvicorn|gunicorn|hypercorn|granian|daphne|flask|quart|fastapi|litestar|sanic|streamlit|chainlit"
    r"|solara|shiny|panel|bokeh|marimo|waitress-serve|uwsgi)\b"
)
_UNQUOTED = re.compile(r"[^\s`'\"()]+")


def settle(tied: Sequence[Evidence], names: Callable[[Evidence], Sequence[str]], top: Repository) -> Evidence | None:
    """The one of the tied that a line of these files starts, with that line among its reasons; None where it is none
    or several. `names`: words by which a command line calls a candidate."""
    for path in HINTS:
        for number, line in enumerate(top.text(path).splitlines()[:_LINES], 1):
            if len(line) > _LENGTH or not _STARTS.search(line):
                continue
            words = {word.removeprefix("./") for word in _UNQUOTED.findall(line)}
            started = [each for each in tied if words & set(names(each))]
            if len(started) == 1:
                because = f"{started[0].because}, which {path}:{number} starts"
                return replace(started[0], because=because)
    return None
