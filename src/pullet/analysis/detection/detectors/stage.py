"""The variable that tells an app which kind of environment it runs in: production, where its code knows that word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pullet.analysis.detection.reads import Read
from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

_NAME = re.compile(r"(?:[A-Z]{2,20}_)?(?:ENV|ENVIRONMENT|STAGE|RUN_?MODE|APP_MODE)|FLASK_CONFIG|APP_CONFIG|CONFIG_NAME")
_WORDS = ("production", "prod", "PRODUCTION", "PROD")


def asked_by(repository: Repository, reads: Sequence[Read]) -> Iterator[Evidence]:
    """Only where nothing stands in for it: a default is the owner's choice."""
    defaults = {read.name for read in reads if read.has_default}
    for read in reads:
        word = next((word for word in _WORDS if re.search(rf"""["']{word}["']""", repository.text(read.path))), "")
        if word and _NAME.fullmatch(read.name) and read.name not in defaults:
            defaults.add(read.name)
            because = f"{read.path} compares ${read.name} with that word"
            place = repository.place(read.path, read.line)
            yield Evidence(f"variables.{read.name}", word, place, Confidence.POSSIBLE, "stage", because)
