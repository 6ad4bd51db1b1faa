"""Detectors: each reads one kind of file and says what it means. They decide nothing and know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from pullet.analysis.detection import vendors
from pullet.analysis.detection.detectors import (
    assets,
    celery,
    dependencies,
    django,
    entry_points,
    fitting,
    gunicorn,
    hosts,
    procfile,
    programs,
    python_version,
    schema,
    scripts,
    sqlite,
    variables,
)
from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Evidence

Detector: TypeAlias = Callable[[Repository], Iterable[Evidence]]

DETECTORS: tuple[Detector, ...] = (
    procfile.detect,
    python_version.detect,
    vendors.detect,
    dependencies.detect,
    django.detect,
    entry_points.detect,
    variables.detect,
    sqlite.detect,
    celery.detect,
    gunicorn.detect,
    programs.detect,
    scripts.detect,
    hosts.detect,
    fitting.detect,
    schema.detect,
    assets.detect,
)
"""In order of precedence: of equally confident evidence the earlier detector's wins."""
