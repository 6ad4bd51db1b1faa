"""Where PID 1 is systemd, apps and router are units of their own: a real systemd, booted in namespaces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pullet import command_line, until
from tests.e2e.repositories import Repository, wsgi
from tests.e2e.systemd_box import SYSTEMD, SystemdBox, SystemdPullet

pytestmark = pytest.mark.e2e

UNIT_PAGE = Path(__file__).parents[2] / "docs/how-to/start-with-the-box.md"


@pytest.fixture(scope="module")
def box() -> Iterator[SystemdBox]:
    if os.geteuid() != 0 or not SYSTEMD.exists():
        pytest.skip("booting systemd takes root and Debian's package systemd")
    box = SystemdBox()
    try:
        if not box.boots():
            pytest.skip("this machine lets no systemd boot in a namespace")
        yield box
    finally:
        box.halt()


@pytest.fixture
def pullet(box: SystemdBox) -> Iterator[SystemdPullet]:
    pullet = SystemdPullet(box)
    yield pullet
    assert not pullet.close(), "processes outlived `pullet stop`"
    assert box.services() == []


@pytest.fixture
def shop(pullet: SystemdPullet) -> Repository:
    repository = Repository(pullet.root / "repositories" / "shop")
    repository.push(app_py=wsgi("v1"))
    return repository


def test_apps_and_router_are_units_that_outlive_the_daemon(
    box: SystemdBox, pullet: SystemdPullet, shop: Repository
) -> None:
    pullet.up(shop)
    assert "systemd" in pullet.do("doctor").text
    assert [unit for unit in box.services() if unit.startswith("pullet-web.0-")]
    with pullet.watching("shop") as watching:
        box.run("kill", "-9", str(pullet.lock_pid()))
        until(lambda: not pullet.answers(), 10)
        shop.push(app_py=wsgi("v2"))
        pullet.up(shop)
        pullet.wait_for("shop", "v2")
        until(lambda: len(pullet.instances("shop")) == 1, 20, lambda: str(pullet.instances("shop")))
    assert watching.failures == []
    assert len([unit for unit in box.services() if unit.startswith("pullet-web.0-")]) == 1


def test_a_killed_app_comes_back_and_memory_is_limited_by_its_unit(
    box: SystemdBox, pullet: SystemdPullet, shop: Repository
) -> None:
    shop.push(pullet_toml="[processes.web]\nmemory = '200M'\n")
    pullet.up(shop)
    [unit] = [unit for unit in box.services() if unit.startswith("pullet-web.0-")]
    assert "MemoryMax=209715200" in box.run("systemctl", "show", unit, "--property=MemoryMax")
    [process] = pullet.app("shop")["processes"]
    box.run("kill", "-9", str(process["pid"]))
    until(lambda: pullet.app("shop")["processes"][0]["restarts"] == 1, 20)
    pullet.wait_for("shop", "v1")


def test_the_documented_unit_keeps_the_daemon(box: SystemdBox, pullet: SystemdPullet, shop: Repository) -> None:
    """docs/how-to/start-with-the-box.md, word for word but for the paths."""
    pullet.up(shop)
    box.run("kill", "-TERM", str(pullet.lock_pid()))
    until(lambda: not pullet.answers(), 20)
    (box.units / "pullet.service").write_text(_documented_unit(pullet))
    box.run("systemctl", "daemon-reload")
    print(box.run("systemctl", "start", "pullet"))
    until(pullet.answers, 30, lambda: box.run("systemctl", "status", "pullet", "--no-pager"))
    box.run("kill", "-9", str(pullet.lock_pid()))
    until(lambda: not pullet.answers(), 10)
    until(pullet.answers, 30, lambda: box.run("systemctl", "status", "pullet", "--no-pager"))
    box.run("systemctl", "stop", "pullet")
    assert pullet.get("shop") == (200, "v1")  # an app does not end with the daemon
    until(lambda: not pullet.answers(), 20)


def _documented_unit(pullet: SystemdPullet) -> str:
    text = UNIT_PAGE.read_text().split("```ini\n")[1].split("```")[0]
    variables = "\n".join(f'Environment="{name}={value}"' for name, value in pullet.environment().items())
    command = " ".join(command_line("serve"))
    assert "ExecStart=/opt/pullet/scripts/pullet serve\n" in text
    return text.replace("/opt/pullet/scripts/pullet serve", command).replace("[Service]\n", f"[Service]\n{variables}\n")
