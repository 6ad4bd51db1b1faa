"""The contract of `ServiceProvider` on the fake that the reconciler's tests use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pullet.domain.services import Grant, ServiceType
from pullet.ports import ServiceProvider
from tests.contract.services import ServiceContract, ServiceWorld
from tests.fakes.services import FakeProvider


class FakeWorld(ServiceWorld):
    def __init__(self, root: Path, type_: ServiceType) -> None:
        self.type = type_
        self._root = root
        self._fake = FakeProvider(root, type_)
        self.provider = self._fake

    async def write(self, grant: Grant, name: str) -> None:
        self._fake.write(grant, name)

    async def read(self, grant: Grant) -> set[str]:
        return self._fake.read(grant)

    def reopened(self) -> ServiceProvider:
        return FakeProvider(self._root, self.type)


class TestFake(ServiceContract):
    @pytest.fixture(params=list(ServiceType))
    def world(self, request: pytest.FixtureRequest, tmp_path: Path) -> FakeWorld:
        return FakeWorld(tmp_path / "fake", request.param)
