"""Every trap of tests/corpus is deployed as it is by one daemon: live with no configuration, or stopped with its cause.

All that were chosen are deployed at the first test, some at a time, and removed as soon as they were looked at; each
test then says what became of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.corpus import TRAPS
from tests.corpus.commits import commit
from tests.corpus.trap import Serves, Stops, Trap
from tests.e2e.pullet import Pullet, until

pytestmark = pytest.mark.e2e

_AT_A_TIME = 4
_LIMIT = 90.0  # seconds that one deployment may take on a busy machine, heals included


@dataclass(frozen=True)
class Outcome:
    """What became of a trap."""

    progress: dict[str, Any]
    answer: tuple[int, str]
    """Of GET on its path, where it is live."""
    heals: tuple[str, ...]
    left: dict[int, str]
    """Processes that are there though the deployment failed, or though the app was removed."""

    @property
    def said(self) -> str:
        return "\n".join(str(self.progress[part]) for part in ("error_code", "error", "context", "hint"))


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """By name, of every trap that some test of this run asks for."""
    asked = {item.name for item in request.session.items}
    chosen = [trap for trap in TRAPS if f"{test_what_becomes_of.__name__}[{trap.name}]" in asked]
    pullet = Pullet()
    try:
        pullet.serve()
        with ThreadPoolExecutor(_AT_A_TIME, "trap") as pool:
            yield {trap.name: pool.submit(_attempt, pullet, trap) for trap in chosen}
            pool.shutdown(cancel_futures=True)
    finally:
        left = pullet.close()
    assert not left, "processes outlived `pullet stop`"


@pytest.mark.parametrize(
    "trap",
    [
        pytest.param(
            trap, id=trap.name, marks=[pytest.mark.xfail(reason=trap.wrong, strict=True)] if trap.wrong else []
        )
        for trap in TRAPS
    ],
)
def test_what_becomes_of(trap: Trap, outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes[trap.name].result(timeout=600)
    print(outcome.said)
    assert outcome.left == {}
    match trap.expects:
        case Serves() as serves:
            assert outcome.progress["ok"]
            assert outcome.answer[0] == serves.status
            assert serves.text in outcome.answer[1]
            if serves.heals is not None:
                assert len(outcome.heals) == len(serves.heals), outcome.heals
                assert all(word in heal for word, heal in zip(serves.heals, outcome.heals, strict=True)), outcome.heals
        case Stops() as stops:
            assert outcome.progress["error_code"] == stops.code
            assert [word for word in stops.words if word not in outcome.said] == []


def _attempt(pullet: Pullet, trap: Trap) -> Outcome:
    folder = pullet.root / "repositories" / trap.name
    commit(trap, folder)
    try:
        progress = pullet.ask_for("up", {"url": str(folder)}, limit=_LIMIT)
    except OSError as err:
        raise AssertionError(f"the daemon does not answer, and has said:\n{pullet.log_tail(200)}") from err
    try:
        answer, heals = _seen(pullet, trap) if progress["ok"] else ((0, ""), ())
        left = {} if progress["ok"] else _left(pullet, trap.name)
    finally:
        pullet.ask_for(f"apps/{trap.name}/down", limit=_LIMIT)
    return Outcome(progress, answer, heals, left or _left(pullet, trap.name))


def _seen(pullet: Pullet, trap: Trap) -> tuple[tuple[int, str], tuple[str, ...]]:
    path = trap.expects.path if isinstance(trap.expects, Serves) else "/"
    answer = pullet.get(trap.name, path)
    steps = pullet.api(f"apps/{trap.name}/deployments")[0]["steps"]
    return answer, tuple(step["message"] for step in steps if step["name"] == "heal")


def _left(pullet: Pullet, name: str) -> dict[int, str]:
    """What still runs a moment after the deployment has failed."""
    try:
        until(lambda: not pullet.shims(name), 10)
    except AssertionError:
        return pullet.shims(name)
    return {}
