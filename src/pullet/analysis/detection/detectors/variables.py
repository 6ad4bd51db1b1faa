"""Variables that the code reads: the addresses of services among them, and secrets."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.analysis.detection.detectors import secret_key, services, stage
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.variables import variables_read
from pullet.domain.app import Evidence


def detect(repository: Repository) -> Iterator[Evidence]:
    reads = variables_read(repository)
    yield from secret_key.asked_by(repository, reads)
    yield from stage.asked_by(repository, reads)
    yield from services.drivers_of(repository)
    yield from services.addresses(repository, reads)
    yield from services.schemes(repository, reads)
