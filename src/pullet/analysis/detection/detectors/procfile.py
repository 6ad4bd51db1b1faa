"""Procfile: `name: command`, one process a line; `release` runs once a deployment.

A web process that is more than one command is taken apart: what serves is its command, what comes first is a release's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors.mining import Found, Mined, is_seed, mine
from pullet.domain.app import Confidence, Evidence

FILES = ("Procfile", "procfile", "Procfile.prod", "Procfile.production")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
_COMPOUND = re.compile(r"[;&|]|^(?:poetry|pipenv|uv|pdm|rye|hatch) run |^(?:sh|bash) |^\S+\.sh\b|^\./")
_LINES = 100


def detect(repository: Repository) -> Iterable[Evidence]:
    """Of the first file there is."""
    path = next((path for path in FILES if repository.text(path)), FILES[0])
    release: list[Found] = []
    first: list[Found] = []
    for number, line in enumerate(repository.text(path).splitlines()[:_LINES], 1):
        name, _, command = (part.strip() for part in line.partition(":"))
        if not _NAME.fullmatch(name) or not command or not command.isprintable():
            continue
        found = Found(command, repository.place(path, number))
        if name == "release":
            release.insert(0, found)
        elif name == "web" and (mined := _mined(repository, found)):
            before = [*mined.release, *mined.build]
            first += [each for each in before if is_seed(each.command)]
            release += [each for each in before if each not in first]
            yield from _taken_apart(mined)
        else:
            yield _say(f"processes.{name}.command", found, f"names a {name} process")
    for subject, commands in (("release.commands", release), ("release.first", first)):
        if commands:
            lines = "\n".join(dict.fromkeys(found.command for found in commands))
            yield _say(subject, Found(lines, commands[0].place), "says what a deployment does first")


def _mined(repository: Repository, found: Found) -> Mined | None:
    """What a compound command is made of; None for a simple one, and where it cannot be told what serves."""
    if not _COMPOUND.search(found.command):
        return None
    place, root = found.place, repository.root
    mined = mine(repository.top, found.command, place.path, place.line, root, root)
    return mined if mined.serve else None


def _taken_apart(mined: Mined) -> Iterator[Evidence]:
    yield _say("processes.web.command", mined.serve[-1], "names a web process")
    for each in mined.work:
        yield _say("processes.worker.command", each, "starts it beside the web process")


def _say(subject: str, found: Found, because: str) -> Evidence:
    because = f"{found.place.path} {because}"
    return Evidence(subject, found.command, found.place, Confidence.LIKELY, "Procfile", because)
