"""SIGKILL of the daemon at any step: what serves goes on serving, and the next daemon ends up where this one would."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.pullet import Pullet, Watching, until
from tests.e2e.repositories import Repository, wsgi

pytestmark = pytest.mark.e2e

# Holds the step at the first run in a release, so that a test can kill the daemon exactly there.
_HOLD = """
import pathlib, sys, time
reached = pathlib.Path(sys.argv[1])
if not reached.exists():
    reached.touch()
    time.sleep(60)
"""
_SLOW_IMPORT = "import time\ntime.sleep(0.3)"  # so that starting and probing take long enough to be hit


_versions = itertools.count(1)


@pytest.fixture(scope="module")
def own() -> Iterator[Pullet]:
    """One home for all the kills: its history of them makes every next one harder."""
    pullet = Pullet()
    yield pullet
    assert not pullet.close(), "processes outlived `pullet stop`"


@pytest.fixture(scope="module")
def shop(own: Pullet) -> Repository:
    repository = Repository(own.root / "repositories" / "shop")
    repository.push(app_py=wsgi("v0", _SLOW_IMPORT), requirements_txt="granian\n")
    own.up(repository)
    return repository


@pytest.fixture
def watch(own: Pullet, shop: Repository) -> Iterator[Watching]:
    """All tests here: no request fails, and nobody ever sees an older version after a newer one."""
    with own.watching("shop") as watching:
        yield watching
    assert watching.failures == []
    versions = [int(answer.removeprefix("200 v")) for answer in watching.answers]
    assert versions == sorted(versions)


@pytest.fixture
def converges(own: Pullet, shop: Repository, watch: Watching) -> Callable[[int], None]:
    """What must come true after each kill, with nobody doing anything but starting the daemon."""

    def check(version: int) -> None:
        own.serve()
        own.wait_for("shop", f"v{version}")
        until(lambda: own.conditions("shop")["Ready"]["status"], 20, lambda: str(own.conditions("shop")))
        live = own.app("shop")["release"]
        until(lambda: own.instances("shop") == [f"{live}/web.0"], 40, lambda: _why(own))
        assert _settled(own), "a deployment is left unfinished"
        spares = len(list((own.home / "run/shop/production/spares").glob("*")))
        until(lambda: len(own.shims("shop")) in (1, 1 + spares), 10, lambda: str(own.shims("shop")))
        assert own.processes("hold.py") == {}, "a command of the killed daemon goes on"

    return check


def _why(own: Pullet) -> str:
    """What there is instead of one set of processes."""
    states = {path: _state(own.home / "run/shop/production" / path) for path in own.instances("shop")}
    return f"{states}\n{own.events('shop')}\n{own.conditions('shop')}\n{own.processes()}"


def _state(folder: Path) -> str:
    try:
        return (folder / "state.json").read_text()
    except FileNotFoundError:
        return "none"


def _settled(own: Pullet) -> bool:
    outcomes = [row["outcome"] for row in own.deployments("shop")]
    return outcomes[0] == "succeeded" and "running" not in outcomes


@pytest.mark.parametrize("step", ["build", "release"])
def test_killed_within_a_command(own: Pullet, shop: Repository, converges: Callable[[int], None], step: str) -> None:
    version = next(_versions)
    config = f'[{step}]\ncommands = ["python hold.py {step}-reached"]\n'
    shop.push(app_py=wsgi(f"v{version}"), pullet_toml=config, hold_py=_HOLD)
    until(lambda: list(own.home.glob(f"releases/shop/production/*/tree/{step}-reached")), 30)
    own.kill_daemon()
    converges(version)
    shop.commit({"app.py": wsgi(f"v{next(_versions)}")}, "pullet.toml", "hold.py")


@pytest.mark.parametrize("step", ["resolve", "start", "probe", "switch"])
def test_killed_as_a_step_begins(own: Pullet, shop: Repository, converges: Callable[[int], None], step: str) -> None:
    version = next(_versions)
    sha = shop.push(app_py=wsgi(f"v{version}", _SLOW_IMPORT))

    def reached() -> bool:
        latest = own.api("apps/shop/deployments")[0]
        return latest["revision"]["sha"] == sha and any(row["name"] == step for row in latest["steps"])

    until(reached, 20)
    own.kill_daemon()
    converges(version)


def test_killed_at_any_moment(own: Pullet, shop: Repository, converges: Callable[[int], None]) -> None:
    """From before the poll to after the former release has been told to stop."""
    moments = random.Random(2)
    for _ in range(6):
        version = next(_versions)
        shop.push(app_py=wsgi(f"v{version}", _SLOW_IMPORT))
        time.sleep(moments.uniform(0.0, 2.5))  # the moment is what is tested: any will do
        own.kill_daemon()
        converges(version)
