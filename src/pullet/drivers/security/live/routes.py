"""The routes that an app declares, asked of the app itself: imported in its own environment, in the sandbox."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pullet.analysis.security.live.routes import MOST, Route
from pullet.domain.codec import from_json
from pullet.domain.errors import AssessmentFailed, MalformedData
from pullet.drivers.security.inside_app import inside_app
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject

_NAMED = re.compile(r"(?<![\w./:-])([A-Za-z_][\w.]*:[A-Za-z_][\w.]*(?:\(\))?)(?![\w/])")
_USUAL = (
    "app:app",
    "main:app",
    "wsgi:app",
    "wsgi:application",
    "asgi:app",
    "asgi:application",
    "application:application",
)


@dataclass(frozen=True)
class Declared:
    routes: tuple[Route, ...] = ()
    why: str = ""
    """Why they are not known; empty where they are."""


async def declared(workbench: Workbench, subject: Subject) -> Declared:
    if subject.python is None:
        return Declared(why="nothing is installed that could be asked for its routes; assess a deployed release")
    errand = inside_app(subject, "pullet_routes.py", _names(subject))
    try:
        answer = json.loads((await workbench.run(subject, errand)).stdout)
        found = tuple(from_json(Route, each) for each in answer["routes"][:MOST])
        return Declared(found, str(answer["why"])[:500])
    except AssessmentFailed as err:
        return Declared(why=f"the app could not be asked for its routes: {err.message}")
    except (ValueError, LookupError, TypeError, MalformedData, RecursionError):
        return Declared(why="the app could not be asked for its routes: its answer cannot be read")


def _names(subject: Subject) -> tuple[str, ...]:
    """Applications that the web process's command names, and those that are usual."""
    process = subject.spec.process("web") if subject.spec else None
    named = _NAMED.findall(process.command) if process else []
    modules = [path[:-3].replace("/", ".") for path in subject.files if path.count("/") == 1]
    folders = [f"{module}:application" for module in modules if module.endswith((".wsgi", ".asgi"))]
    return tuple(dict.fromkeys((*named, *(() if named else (*folders, *_USUAL)))))
