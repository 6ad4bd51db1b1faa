"""One language for status, printed with the same words by the page, the API and the command line.

A condition names one fact. `type` and `reason` are fixed words for programs (docs/reference/conditions.md lists them);
`message` is for people. `Ready` summarises the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    READY = "Ready"  # summary
    SOURCE_REACHABLE = "SourceReachable"  # the last poll of git succeeded
    DEPLOYED = "Deployed"  # the desired revision is the one that serves
    HEALTHY = "Healthy"  # what serves answers its probe
    ROUTED = "Routed"  # every hostname leads to the live release
    SUSPENDED = "Suspended"  # abnormal-true: nothing runs because somebody asked for it
    CONFIGURED = "Configured"  # the fleet file and pullet.toml could be read


ABNORMAL_WHEN_TRUE = frozenset({ConditionType.SUSPENDED})
"""Polarity: every other type is good when true."""


@dataclass(frozen=True)
class Condition:
    type: ConditionType
    status: bool | None
    """None: unknown, e.g. never checked. Unknown is not true."""
    reason: str
    message: str
    since: float
    """Seconds since the epoch at which `status` last changed."""
    revision: str = ""

    @property
    def good(self) -> bool:
        return self.status is (self.type not in ABNORMAL_WHEN_TRUE)


def summarise(conditions: Iterable[Condition], now: float) -> Condition:
    """The `Ready` condition: false with the first bad condition's reason, else true."""
    for condition in sorted(conditions, key=lambda c: list(ConditionType).index(c.type)):
        if condition.type is not ConditionType.READY and not condition.good:
            return Condition(
                ConditionType.READY, False, condition.reason, condition.message, condition.since, condition.revision
            )
    return Condition(ConditionType.READY, True, "AsDesired", "The desired revision is live and healthy.", now)
