"""Keeps the record of deployments: intent before an effect, outcome after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pullet.domain.errors import PulletError, Retry, Superseded
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.plan import (
    Build,
    Check,
    Desired,
    Observed,
    Plan,
    Prepare,
    Probe,
    Repair,
    Resolve,
    Start,
    Step,
    Stop,
    Switch,
)
from pullet.domain.release import Deployment, Outcome, Release, Trigger, Verdict
from pullet.ports import LogSink
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.visiting import visit
from pullet.telemetry.logs import StepLog

_RECORDED = (Resolve, Build, Check, Prepare, Repair, Start, Probe, Switch, Stop)


class DeploymentScribe:
    """One environment's deployments, as they go."""

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours, changed: Callable[[], None]) -> None:
        self._environment = environment
        self._world = neighbours
        self._changed = changed

    def latest(self) -> Deployment | None:
        return next(iter(self._world.store.deployments.of(self._environment, limit=1)), None)

    def of_plan(self, plan: Plan, desired: Desired, observed: Observed) -> Deployment | None:
        """The deployment that the plan belongs to; None when what serves is only put right."""
        if plan.goal is None or not any(isinstance(step, Switch) for step in plan.steps):
            return None
        goal = self._world.store.releases.get(ReleaseId(self._environment, plan.goal))
        latest = self.latest()
        if latest is not None and latest.outcome is Outcome.RUNNING and latest.release == plan.goal:
            return latest
        return self.begin(goal, trigger_of(desired, observed, goal, latest))

    def is_over(self, goal: int | None, observed: Observed, error: PulletError) -> bool:
        """Record a failed deployment. True: it is over, plan anew. False: the caller backs off."""
        latest = self.latest()
        if latest is not None and latest.outcome is Outcome.RUNNING:
            if isinstance(error, Superseded):
                self._world.store.deployments.finish(latest, Outcome.SUPERSEDED)
            else:
                self.fail(latest, error)
        serves = goal is not None and goal in observed.serving
        return isinstance(error, Superseded) or (error.retry is not Retry.BACKOFF and not serves)

    def begin(self, release: Release, trigger: Trigger) -> Deployment:
        """The running deployment of the release, or a new one; one of another release is superseded by it."""
        deployment = self._world.store.deployments.begin(
            self._environment, release.id.number, release.candidate.revision, trigger
        )
        self._changed()
        return deployment

    @contextmanager
    def step(self, deployment: Deployment | None, step: Step) -> Iterator[LogSink]:
        """Record the step around its effect. Without a deployment (drift is healed) only its log is kept."""
        if not isinstance(step, _RECORDED):
            yield _unheard
            return
        name = type(step).__name__.lower()
        log_name = _log_name(deployment, name)
        with StepLog(self._log(step.release, log_name)) as log:
            if deployment is None:
                yield log
                return
            store = self._world.store.deployments
            store.step_started(deployment, name, log_name)
            self._changed()
            try:
                yield log
            except PulletError as err:
                store.step_finished(deployment, name, Outcome.FAILED, err.message)
                self._changed()
                raise
            except BaseException:
                store.step_finished(deployment, name, Outcome.INTERRUPTED)
                raise
            store.step_finished(deployment, name, Outcome.SUCCEEDED)
            self._changed()

    def log_of(self, step: str) -> Path | None:
        """Where the running deployment's latest step of that name wrote to."""
        latest = self.latest()
        steps = [one for one in latest.steps if one.name == step and one.log] if latest is not None else []
        return self._log(latest.release, steps[-1].log) if latest is not None and steps else None

    def healed_at(self) -> float | None:
        """When the running deployment was last changed, in seconds since the epoch."""
        latest = self.latest()
        times = [one.started for one in latest.steps if one.name == "heal"] if latest is not None else []
        return max(times, default=None)

    def healed(self, message: str) -> None:
        """A line of its own in the running deployment: what failed is done again, otherwise."""
        latest = self.latest()
        if latest is not None and latest.outcome is Outcome.RUNNING:
            self._world.store.deployments.step_started(latest, "heal")
            self._world.store.deployments.step_finished(latest, "heal", Outcome.SUCCEEDED, message)
        self._changed()

    async def visit(self, deployment: Deployment) -> None:
        """Look at the first page of what has just gone live; what is broken there is a line of the deployment."""
        if self._world.visitor is None:
            return
        store = self._world.store.deployments
        store.step_started(deployment, "visit")
        self._changed()
        warning = await visit(self._world.visitor, self._environment.localhost)
        store.step_finished(deployment, "visit", Outcome.WARNED if warning else Outcome.SUCCEEDED, warning)
        if warning:
            self._world.store.events.append(
                "warning", f"{warning}.", environment=self._environment, deployment=deployment.number
            )
        self._changed()

    def _log(self, release: int, name: str) -> Path:
        return self._world.home.release(ReleaseId(self._environment, release)) / "logs" / name

    def succeed(self, deployment: Deployment) -> None:
        self._world.store.deployments.finish(deployment, Outcome.SUCCEEDED)
        self._changed()

    def fail(self, deployment: Deployment, error: PulletError) -> None:
        """The attempt is over. Only where no later try can help is the release judged bad as well."""
        self._world.store.deployments.finish(deployment, Outcome.FAILED, error)
        if error.retry is not Retry.BACKOFF:
            self._world.store.releases.judge(
                ReleaseId(self._environment, deployment.release), Verdict.BAD, error.message
            )
        self._changed()

    def rolled_back(self, release: int, reason: str) -> None:
        """It went live and did not keep its promise."""
        for deployment in self._world.store.deployments.of(self._environment):
            if deployment.release == release:
                self._world.store.deployments.finish(deployment, Outcome.ROLLED_BACK, PulletError(reason))
                break
        self._world.store.events.append(
            "automatic-rollback", f"Release {release} is rolled back: {reason}.", environment=self._environment
        )
        self._changed()


def _log_name(deployment: Deployment | None, step: str) -> str:
    """A step that is done again after a heal has a log of its own: what failed before is not why it fails now."""
    if deployment is None:
        return f"drift-{step}.log"
    heals = sum(each.name == "heal" for each in deployment.steps)
    return f"{deployment.number}-{step}{f'-{heals + 1}' if heals else ''}.log"


def _unheard(line: str, /) -> None:
    """Routes and pages write no log."""


def trigger_of(desired: Desired, observed: Observed, goal: Release, before: Deployment | None) -> Trigger:
    """Why the goal is about to go live."""
    if desired.candidate is not None and goal.candidate.id != desired.candidate.id:
        return Trigger.ROLLBACK if goal.id.number == desired.preferred_release else Trigger.AUTOMATIC_ROLLBACK
    if desired.preferred_release is not None:
        return Trigger.ROLLBACK
    if before is not None and before.release == goal.id.number:
        return Trigger.RESUME if before.outcome is Outcome.SUCCEEDED else Trigger.RETRY
    serving = [release for number in observed.serving if (release := observed.release(number))]
    if any(release.candidate.startswith(goal.candidate.revision.sha) for release in serving):
        return Trigger.CONFIGURATION
    return Trigger.COMMIT
