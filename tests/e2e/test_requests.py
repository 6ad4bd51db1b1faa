"""What a user asks for: rollback, suspend, resume, down, stop; and what is refused."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.e2e.pullet import Pullet, until
from tests.e2e.repositories import Repository, wsgi

pytestmark = pytest.mark.e2e

New = Callable[[Pullet], Repository]


@pytest.fixture
def shop(pullet: Pullet, new_repository: New) -> Repository:
    repository = new_repository(pullet)
    pullet.up(repository)
    return repository


def _push(pullet: Pullet, repository: Repository, version: str) -> str:
    sha = repository.push(app_py=wsgi(version))
    pullet.wait_for(repository.name, version)
    return sha


def test_a_rollback_holds_until_the_next_commit(pullet: Pullet, shop: Repository) -> None:
    bad = _push(pullet, shop, "v2")
    pullet.do("rollback", shop.name)
    assert pullet.get(shop.name) == (200, "v1")
    pullet.do("sync", shop.name)  # polls, and finds the skipped revision at the tip
    assert pullet.get(shop.name) == (200, "v1")
    deployed = pullet.conditions(shop.name)["Deployed"]
    assert deployed["reason"] == "RolledBack"
    assert f"{bad[:7]} is skipped" in deployed["message"]
    assert f"{bad[:7]} is skipped" in pullet.do("status").out
    _push(pullet, shop, "v3")
    triggers = [row["trigger"] for row in pullet.deployments(shop.name)]
    assert triggers == ["commit", "rollback", "commit", "commit"]


def test_rollback_to_a_release_and_once_more(pullet: Pullet, shop: Repository) -> None:
    _push(pullet, shop, "v2")
    _push(pullet, shop, "v3")
    with pullet.watching(shop.name) as watching:
        for number in (1, 3, 2):
            pullet.do("rollback", shop.name, str(number))
            assert pullet.get(shop.name) == (200, f"v{number}")
        pullet.do("rollback", shop.name)
        assert pullet.get(shop.name) == (200, "v1")
    assert watching.failures == []
    refused = pullet.run("rollback", shop.name)
    assert refused.code == 2
    assert "no an earlier" not in refused.text
    assert "Releases that can be live again: 1, 2, 3" in refused.text
    refused = pullet.run("rollback", shop.name, "77")
    assert refused.code == 2
    assert "no release 77" in refused.text
    assert pullet.run("rollback", shop.name, "1").code == 2  # live already
    assert pullet.get(shop.name) == (200, "v1")


def test_suspend_and_resume(pullet: Pullet, shop: Repository) -> None:
    pullet.do("suspend", shop.name)
    status, page = pullet.get(shop.name)
    assert status == 503
    assert "suspended" in page
    assert pullet.instances(shop.name) == []
    assert pullet.shims(shop.name) == {}
    shop.push(app_py=wsgi("v2"))
    pullet.do("sync", shop.name)
    assert pullet.get(shop.name)[0] == 503
    pullet.do("resume", shop.name)
    assert pullet.get(shop.name) == (200, "v2")


def test_down_leaves_nothing_but_history(pullet: Pullet, shop: Repository) -> None:
    pullet.do("down", shop.name)
    assert pullet.get(shop.name)[0] == 404
    assert pullet.shims(shop.name) == {}
    assert not list((pullet.home / "releases").glob(f"{shop.name}/*/*"))
    refused = pullet.run("sync", shop.name)
    assert refused.code == 2
    assert "no environment" in refused.text
    pullet.up(shop)
    assert pullet.get(shop.name) == (200, "v1")


@pytest.mark.parametrize("command", ["sync", "rollback", "suspend", "resume", "down", "deployments", "logs", "explain"])
def test_an_unknown_app(pullet: Pullet, shop: Repository, command: str) -> None:
    refused = pullet.run(command, "nosuchapp")
    assert refused.code == 2
    assert "nosuchapp" in refused.err
    assert refused.out == ""


def test_stop_serve_and_two_homes(own: Pullet, pullet: Pullet, shop: Repository, new_repository: New) -> None:
    other = new_repository(own)
    not_running = own.run("status")
    assert (not_running.code, "[not-running]" in not_running.err) == (2, True)
    own.up(other)
    assert own.get(other.name) == (200, "v1")
    assert own.get(shop.name)[0] == 404
    second = own.run("serve", "--port", str(own.port))
    assert (second.code, "[already-running]" in second.err) == (1, True)
    assert str(own.lock_pid()) in second.err
    own.stop()
    until(lambda: own.processes() == {}, 5, lambda: str(own.processes()))
    assert pullet.get(shop.name) == (200, "v1")
    other.push(app_py=wsgi("v2"))
    own.serve()
    own.wait_for(other.name, "v2")


def test_a_port_that_is_taken(own: Pullet, new_repository: New) -> None:
    with socket.create_server(("127.0.0.1", own.port)):
        refused = own.run("up", str(new_repository(own).path), "--port", str(own.port))
    assert refused.code == 1
    assert f"{own.port}" in refused.err
    assert "Traceback" not in refused.err
    assert "pid" in refused.err  # who holds it
