"""Routes are remembered between looks only while a stat shows that nothing has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.drivers.router import routes
from pullet.drivers.router.routes import RouteFiles
from pullet.ports import RouteTarget

HOST = "shop.localhost"
ONE = RouteTarget(ReleaseId(EnvironmentKey("shop", "production"), 1), ("/tmp/one.sock",))
TWO = RouteTarget(ReleaseId(EnvironmentKey("shop", "production"), 2), ("/tmp/two.sock",))


@pytest.fixture
def files(tmp_path: Path) -> RouteFiles:
    """With one host that was read long after it was written, so that it is remembered."""
    made = RouteFiles(tmp_path / "hosts", tmp_path)
    made.switch(HOST, ONE)
    live = made.hosts / HOST / "on"
    for path in (live, live / routes._RECORD):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert made.read() == {HOST: ONE}
    return made


def test_what_has_not_changed_is_not_read_again(files: RouteFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "target", lambda host: pytest.fail(f"{host} was read again"))
    assert files.read() == {HOST: ONE}


def test_a_switch_is_seen(files: RouteFiles) -> None:
    files.switch(HOST, TWO)
    assert files.read() == {HOST: TWO}


def test_a_link_that_somebody_removed_is_seen(files: RouteFiles) -> None:
    (files.hosts / HOST / "on" / "0").unlink()
    assert files.read() == {}


def test_a_host_that_somebody_removed_is_seen(files: RouteFiles) -> None:
    (files.hosts / HOST / "on").unlink()
    assert files.read() == {}


def test_a_fresh_host_is_read_until_its_stats_tell_changes_apart(files: RouteFiles) -> None:
    files.switch(HOST, TWO)
    files.read()
    assert files._known == {}
