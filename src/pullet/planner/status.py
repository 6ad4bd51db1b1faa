"""The conditions of an environment, from what is desired, observed and known. One place says what each means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pullet.domain.conditions import Condition, ConditionType, summarise
from pullet.domain.identity import Revision
from pullet.domain.plan import Desired, Mode, Observed
from pullet.domain.release import Deployment, Outcome


@dataclass(frozen=True)
class Knowledge:
    """Everything a status is made of."""

    desired: Desired
    observed: Observed
    tip: Revision | None
    """What the branch leads to, skipped or not."""
    skipped: bool
    source_error: str = ""
    failing_since: float | None = None
    configuration_error: str = ""
    deployment: Deployment | None = None
    """The latest."""
    trouble: tuple[str, str] | None = None
    """(reason, message) of what keeps the environment from its desired state right now, beyond a failed deployment."""
    live_revision: str = ""


def describe(knowledge: Knowledge, now: float) -> tuple[Condition, ...]:
    """`Ready` first, then what it sums up."""
    conditions = tuple(_conditions(knowledge, now))
    return (summarise(conditions, now), *conditions)


def _conditions(knowledge: Knowledge, now: float) -> Iterator[Condition]:
    yield _configured(knowledge, now)
    yield _source(knowledge, now)
    yield _suspended(knowledge, now)
    if knowledge.desired.mode is Mode.RUNNING:
        yield _deployed(knowledge, now)
        yield _routed(knowledge, now)
        yield _healthy(knowledge, now)


def _configured(knowledge: Knowledge, now: float) -> Condition:
    if knowledge.configuration_error:
        return Condition(ConditionType.CONFIGURED, False, "FleetFileInvalid", knowledge.configuration_error, now)
    return Condition(ConditionType.CONFIGURED, True, "FleetFileRead", "The fleet file is in force.", now)


def _source(knowledge: Knowledge, now: float) -> Condition:
    kind = ConditionType.SOURCE_REACHABLE
    if knowledge.source_error:
        return Condition(kind, False, "PollFailed", knowledge.source_error, knowledge.failing_since or now)
    if knowledge.tip is None:
        return Condition(kind, None, "NotPolledYet", "The repository was not reached yet.", now)
    return Condition(kind, True, "Polled", f"{knowledge.tip.short} is the tip.", now)


def _suspended(knowledge: Knowledge, now: float) -> Condition:
    kind = ConditionType.SUSPENDED
    if knowledge.desired.mode is Mode.SUSPENDED:
        return Condition(kind, True, "Asked", "Suspended on request; `pullet resume` starts it again.", now)
    return Condition(kind, False, "Running", "It shall run.", now)


def _deployed(knowledge: Knowledge, now: float) -> Condition:
    kind, deployment = ConditionType.DEPLOYED, knowledge.deployment
    if _goal_serves(knowledge):
        if knowledge.skipped and knowledge.tip is not None:
            message = f"{knowledge.tip.short} is skipped: it was rolled back from. The next commit deploys."
            return Condition(kind, True, "RolledBack", message, now, knowledge.live_revision)
        return Condition(kind, True, "Deployed", "The desired revision serves.", now, knowledge.live_revision)
    if knowledge.trouble is not None:
        return Condition(kind, False, *knowledge.trouble, now, knowledge.live_revision)
    if deployment is not None and deployment.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK):
        word = "DeploymentFailed" if deployment.outcome is Outcome.FAILED else "RolledBackByItself"
        message = f"Deployment {deployment.number} of {deployment.revision.short} failed: {deployment.error}"
        return Condition(kind, False, word, message, now, knowledge.live_revision)
    return Condition(kind, *_under_way(knowledge), now, knowledge.live_revision)


def _under_way(knowledge: Knowledge) -> tuple[bool | None, str, str]:
    """(status, reason, message) while the desired revision does not serve and its latest deployment did not fail."""
    candidate = knowledge.desired.candidate
    if candidate is None:
        return None, "NothingToDeploy", "No revision is known yet."
    if candidate.id in knowledge.observed.failed:  # and what serves was put right since
        return False, "DeploymentFailed", f"{candidate.revision.short} failed; `pullet sync` gives it another try."
    return False, "Deploying", f"{candidate.revision.short} is being deployed."


def _goal_serves(knowledge: Knowledge) -> bool:
    candidate = knowledge.desired.candidate
    serving = [knowledge.observed.release(number) for number in knowledge.observed.serving]
    return candidate is not None and any(
        release is not None
        and (release.candidate == candidate.id or release.number == knowledge.desired.preferred_release)
        for release in serving
    )


def _routed(knowledge: Knowledge, now: float) -> Condition:
    kind = ConditionType.ROUTED
    missing = sorted(host for host in knowledge.desired.hosts if knowledge.observed.routes.get(host) is None)
    if missing:
        return Condition(kind, False, "NothingLive", f"No release answers {', '.join(missing)}.", now)
    return Condition(kind, True, "Routed", "Every hostname leads to the live release.", now)


def _healthy(knowledge: Knowledge, now: float) -> Condition:
    kind = ConditionType.HEALTHY
    serving = [knowledge.observed.release(number) for number in knowledge.observed.serving]
    live = [release for release in serving if release is not None]
    if not live:
        return Condition(kind, None, "NothingLive", "Nothing serves, so nothing was probed.", now)
    if all(release.healthy for release in live):
        return Condition(kind, True, "Probed", "The live release answers its probe.", now, knowledge.live_revision)
    reason, message = knowledge.trouble or ("NotProbed", "A process is on its way or gave no healthy answer.")
    return Condition(kind, False, reason, message, now, knowledge.live_revision)
