"""The contract of `ServiceProvider` on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.postgresql import PostgresWorld, postgres_world
from tests.contract.services import ServiceContract

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def world() -> Iterator[PostgresWorld]:
    with postgres_world() as world:
        yield world


class TestPostgres(ServiceContract):
    """On one server for all."""
