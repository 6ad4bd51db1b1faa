"""A world of fakes, with one app in its fleet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.config import fleet_edit
from pullet.domain.home import Home
from tests.fakes.world import URL, World


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        made = World(Home(Path(folder)))
        made.fleet.edit_by_hand("shop", fleet_edit.new_app_file("shop", URL, "main"))
        yield made
        made.store.close()
