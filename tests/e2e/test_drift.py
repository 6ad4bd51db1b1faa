"""What somebody or something changed behind Pullet's back is found, put right and recorded."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable

import pytest

from tests.e2e.pullet import Pullet, children, kill, until
from tests.e2e.repositories import Repository, wsgi

pytestmark = pytest.mark.e2e

_INTERVAL = 10.0  # seconds within which drift is found


@pytest.fixture
def shop(pullet: Pullet, new_repository: Callable[[Pullet], Repository]) -> Repository:
    repository = new_repository(pullet)
    pullet.up(repository)
    return repository


def _wait_for_event(pullet: Pullet, name: str, kind: str) -> str:
    def messages() -> list[str]:
        return [row["message"] for row in pullet.events(name) if row["kind"] == kind]

    until(messages, 2 * _INTERVAL, lambda: str(pullet.events(name)))
    return messages()[0]


def test_a_killed_process_is_started_again(pullet: Pullet, shop: Repository) -> None:
    [process] = pullet.app(shop.name)["processes"]
    kill(process["pid"])
    pullet.wait_for(shop.name, "v1")
    assert pullet.app(shop.name)["processes"][0]["pid"] != process["pid"]
    assert "started again" in _wait_for_event(pullet, shop.name, "restart")


def test_a_process_that_hangs_is_started_anew(pullet: Pullet, shop: Repository) -> None:
    """It is asked every half minute whether it works, gets its grace to answer, and a new process takes its place."""
    shop.push(pullet_toml="[processes.web]\nhealth = { timeout = '1s', grace = '1s' }\n")
    until(lambda: pullet.app(shop.name)["release"] == 2, 20)
    [process] = pullet.app(shop.name)["processes"]
    frozen = [process["pid"], *children(process["pid"])]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        pullet.get(shop.name, limit=2)
    until(lambda: {row["pid"] for row in pullet.app(shop.name)["processes"]} - {process["pid"], None}, 80)
    pullet.wait_for(shop.name, "v1")
    assert "answered nothing" in _wait_for_event(pullet, shop.name, "hang")


def test_an_app_that_crashed_until_it_was_given_up_comes_back(pullet: Pullet, shop: Repository) -> None:
    """Its fresh start has a new socket, to which the route must lead."""
    for _ in range(5):
        until(lambda: pullet.app(shop.name)["processes"][0]["pid"], 20)
        kill(pullet.app(shop.name)["processes"][0]["pid"])
    pullet.wait_for(shop.name, "v1", 40)


def test_removed_routes_come_back(pullet: Pullet, shop: Repository) -> None:
    host = f"{shop.name}.localhost"
    files = [path for path in (pullet.home / "router").rglob("*") if host in path.name]
    assert files
    for path in files:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    assert pullet.get(shop.name)[0] != 200
    until(lambda: pullet.get(shop.name) == (200, "v1"), 2 * _INTERVAL)


def test_an_edited_file_is_put_back(pullet: Pullet, shop: Repository) -> None:
    file = pullet.home / "releases" / shop.name / "production" / "1" / "tree" / "app.py"
    file.write_text(wsgi("hacked"))
    until(lambda: file.read_text() == wsgi("v1"), 2 * _INTERVAL)
    assert "app.py" in _wait_for_event(pullet, shop.name, "drift")
    assert pullet.get(shop.name) == (200, "v1")


def test_a_repository_that_is_away(pullet: Pullet, shop: Repository) -> None:
    away = shop.path.with_name("away")
    shop.path.rename(away)
    until(lambda: pullet.conditions(shop.name)["SourceReachable"]["status"] is False, 10)
    reachable = pullet.conditions(shop.name)["SourceReachable"]
    assert reachable["reason"] == "PollFailed"
    assert reachable["since"] > pullet.deployments(shop.name)[0]["finished"] - 1
    failed = pullet.run("sync", shop.name)
    assert failed.code == 1
    assert pullet.get(shop.name) == (200, "v1")
    since = pullet.conditions(shop.name)["SourceReachable"]["since"]
    assert since == reachable["since"]
    away.rename(shop.path)
    shop.push(app_py=wsgi("v2"))
    pullet.wait_for(shop.name, "v2")
    assert pullet.conditions(shop.name)["SourceReachable"]["status"] is True


_CRASHES = """
import os, threading
threading.Timer(2, lambda: os.kill(os.getppid(), 9) or os._exit(3)).start()
"""


def test_a_release_that_crashes_after_the_switch_is_rolled_back(pullet: Pullet, shop: Repository) -> None:
    bad = shop.push(app_py=wsgi("v2", _CRASHES))
    pullet.wait_for(shop.name, "v2")
    pullet.wait_for(shop.name, "v1", 40)
    deployments = pullet.deployments(shop.name)
    assert [row["trigger"] for row in deployments[:2]] == ["automatic-rollback", "commit"]
    assert deployments[1]["outcome"] == "rolled-back"
    deployed = pullet.conditions(shop.name)["Deployed"]
    assert deployed["status"] is False
    assert bad[:7] in deployed["message"]
    assert "release 2" in _wait_for_event(pullet, shop.name, "automatic-rollback").lower()
    pullet.do("status") if pullet.conditions(shop.name)["Ready"]["status"] else pullet.run("status")
    assert pullet.get(shop.name) == (200, "v1")
    assert len(pullet.deployments(shop.name)) == len(deployments)  # it is not tried again by itself
    shop.push(app_py=wsgi("v3"))
    pullet.wait_for(shop.name, "v3")
