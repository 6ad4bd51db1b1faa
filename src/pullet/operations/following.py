"""A stream of progress until an environment has settled: done, failed with its reason, or unable to go on for now."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pullet.domain.conditions import Condition, ConditionType
from pullet.domain.identity import EnvironmentKey
from pullet.domain.release import Deployment, Outcome
from pullet.domain.report import Progress
from pullet.operations.control import Control
from pullet.operations.look import environment_status
from pullet.reconcile.environment import EnvironmentLoop


async def follow(control: Control, key: EnvironmentKey, *, retry: bool = False) -> AsyncIterator[Progress]:
    """Ask the repository and the environment once more, and report until the answer is whole."""
    await control.target.refresh()
    loop = control.target.environment(key)
    before = _latest(control, key)
    if not loop.assignment.remove:
        await loop.source.fresh()
    if retry and loop.retry():
        yield Progress("This revision failed before; trying it once more.")
    ticket = loop.wake()
    shown = before
    while True:
        changed = control.target.changes.subscribe()
        latest = _latest(control, key)
        if latest is not None and latest != shown:
            shown = latest
            yield Progress(deployment=latest)
        if loop.removed or loop.answered(ticket):
            break
        await changed.wait()
    yield await _verdict(control, loop)


async def _verdict(control: Control, loop: EnvironmentLoop) -> Progress:
    if loop.removed:
        await control.target.refresh()  # it leaves the list of environments with that
        return Progress(f"{loop.key} is gone.", done=True, ok=True)
    status = await environment_status(control, loop.key.app, loop.key.name)
    bad = _what_is_wrong(status.conditions)
    if bad is None:
        return Progress(done=True, ok=True, status=status)
    latest = _latest(control, loop.key)
    if latest is not None and latest.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK):
        return Progress(
            done=True,
            status=status,
            error_code=latest.error_code,
            error=latest.error,
            context=latest.context,
            hint=latest.hint,
        )
    return Progress(done=True, status=status, error_code=bad.reason, error=bad.message)


def _what_is_wrong(conditions: tuple[Condition, ...]) -> Condition | None:
    """The first bad condition; a suspension that was asked for is none."""
    if any(c.type is ConditionType.SUSPENDED and c.status for c in conditions):
        return None
    return next((c for c in conditions if c.type is not ConditionType.READY and not c.good), None)


def _latest(control: Control, key: EnvironmentKey) -> Deployment | None:
    return next(iter(control.neighbours.store.deployments.of(key, limit=1)), None)
