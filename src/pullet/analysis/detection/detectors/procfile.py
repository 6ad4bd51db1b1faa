"""Procfile: `name: command`, one process a line; `release` runs once a deployment."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
_LINES = 100


def detect(repository: Repository) -> Iterable[Evidence]:
    for number, line in enumerate(repository.text("Procfile").splitlines()[:_LINES], 1):
        name, _, command = (part.strip() for part in line.partition(":"))
        if not _NAME.fullmatch(name) or not command or not command.isprintable():
            continue
        subject = "release.commands" if name == "release" else f"processes.{name}.command"
        place = repository.place("Procfile", number)
        yield Evidence(subject, command, place, Confidence.LIKELY, "Procfile", f"Procfile names a {name} process")
