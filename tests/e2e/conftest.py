"""Homes for the end-to-end tests. A failure shows the daemon's last lines."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.e2e.pullet import Pullet
from tests.e2e.repositories import Repository, wsgi

_names = (f"app{number}" for number in itertools.count(1))


def pytest_sessionstart() -> None:
    """SIGTERM, as of `timeout`, ends the run as Ctrl-C does: with every home stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Iterator[Pullet]:
    """One home for all tests that leave it running: the second build is served by a warm cache."""
    pullet = Pullet()
    yield pullet
    assert not pullet.close(), "processes outlived `pullet stop`"


@pytest.fixture
def new_home() -> Iterator[Callable[[], Pullet]]:
    """Homes for tests that stop, kill or count."""
    made: list[Pullet] = []

    def make() -> Pullet:
        made.append(Pullet())
        return made[-1]

    yield make
    left = [pullet.close() for pullet in made]
    assert not any(left), f"processes outlived `pullet stop`: {left}"


@pytest.fixture
def pullet(shared: Pullet) -> Pullet:
    return shared


@pytest.fixture
def own(new_home: Callable[[], Pullet]) -> Pullet:
    return new_home()


@pytest.fixture
def new_repository(request: pytest.FixtureRequest) -> Callable[[Pullet], Repository]:
    """Repositories with a commit that deploys, under a name that no other test uses."""

    def make(pullet: Pullet) -> Repository:
        repository = Repository(pullet.root / "repositories" / next(_names))
        repository.push(app_py=wsgi("v1"))
        return repository

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name in ("pullet", "own"):
            home = item.funcargs.get(name)
            if isinstance(home, Pullet):
                report.sections.append(("daemon log", home.log_tail()))
    return report
