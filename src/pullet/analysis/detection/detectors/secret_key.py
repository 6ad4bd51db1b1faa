"""$SECRET_KEY: an app that reads it gets one, made once an environment, where the owner gives none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

_READS = re.compile(
    r"""(?:environ\[|environ\.get\(|getenv\(|\benv(?:\.str)?\(|\bconfig\()\s*["']((?:DJANGO_|FLASK_|APP_)?SECRET_KEY)["']"""
)
_PLACES = frozenset({"settings", "config", "app", "main", "__init__", "application", "base", "production", "prod"})


def detect(repository: Repository) -> Iterable[Evidence]:
    for path in repository.python_files:
        if not _PLACES.intersection(PurePosixPath(path).with_suffix("").parts) or "SECRET_KEY" not in (
            text := repository.text(path)
        ):
            continue
        if found := _READS.search(text):
            place = repository.place(path, text.count("\n", 0, found.start()) + 1)
            because = f"{path} reads ${found[1]}"
            yield Evidence("secrets.generated", found[1], place, Confidence.POSSIBLE, "secret key", because)
            return
