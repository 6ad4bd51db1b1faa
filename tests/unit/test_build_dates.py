"""Versions as of a date, and what is excepted from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.healing import Change, ChangeKind
from pullet.drivers.build.inputs import NO_INDEXES
from pullet.drivers.build.uv import Uv
from pullet.reconcile.understanding import with_date


def excepted(moment: str) -> list[str]:
    uv = Uv("uv", Path("/cache"))
    argv = uv.compile(
        "python", Path("/s"), NO_INDEXES, files=(), build=False, exclude_newer=moment, always=("granian",)
    ).argv
    return [argv[at + 1] for at, word in enumerate(argv) if word == "--exclude-newer-package"]


def test_what_uv_builds_with_is_never_older_than_it_needs() -> None:
    granian = "granian=9999-01-01T00:00:00Z"
    assert excepted("2023-05-01T00:00:00Z") == [granian]
    assert excepted("2017-05-01T00:00:00Z") == [granian, "setuptools=2021-06-01T00:00:00Z"]
    assert excepted("") == []


TOLD = AppSpec(".", None, Dependencies(DependencyKind.IMPORTS, "", ("flask",)), ())
MAY_2023, MAY_2016 = 1_682_942_400.0, 1_462_104_000.0


@pytest.mark.parametrize(
    ("committed", "moment"),
    [(MAY_2023, "2023-05-01T12:00:00Z"), (MAY_2016, "2022-12-31T00:00:00Z")],
)
def test_imports_mean_the_versions_of_their_time(committed: float, moment: str) -> None:
    spec = with_date(TOLD, committed)
    assert (spec.committed, spec.changes) == (committed, (Change(ChangeKind.EXCLUDE_NEWER, moment),))


def test_a_list_or_a_date_of_the_owners_stands() -> None:
    listed = replace(TOLD, dependencies=Dependencies(DependencyKind.REQUIREMENTS, "requirements.txt"))
    assert with_date(listed, MAY_2023).changes == ()
    own = (Change(ChangeKind.EXCLUDE_NEWER, "2024-01-01T00:00:00Z"),)
    assert with_date(replace(TOLD, changes=own), MAY_2023).changes == own
    assert with_date(TOLD, None).changes == ()
