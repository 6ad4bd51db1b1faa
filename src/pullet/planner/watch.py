"""The watch window after a switch: does the new release keep its promise, or is it rolled back?"""

from __future__ import annotations

from dataclasses import dataclass

from pullet.domain.release import Verdict

WINDOW = 30.0  # seconds after the switch
_RESTARTS = 3  # in the window: one may be bad luck, three are a crash loop
_ENOUGH_REQUESTS = 20  # fewer say nothing about a rate
_ERROR_RATE = 0.5  # share of 5xx answers that no healthy release gives
_ERROR_JUMP = 5.0  # times the rate before the switch


@dataclass(frozen=True)
class Watched:
    """What was seen of the live release since it took the traffic."""

    age: float
    """Seconds since the switch."""
    restarts: int
    crashed: bool
    """A process was given up."""
    requests: int
    errors: int
    """Answers of 500 and above among `requests`."""
    errors_before: float
    """Share of 5xx answers of the release before it, 0 to 1."""


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reason: str = ""


def judge(watched: Watched) -> Judgement:
    """BAD: roll back. GOOD: the window is over. NONE: keep watching."""
    if watched.crashed:
        return Judgement(Verdict.BAD, "a process crashed again and again after it took the traffic")
    if watched.restarts >= _RESTARTS:
        return Judgement(Verdict.BAD, f"its processes restarted {watched.restarts} times after it took the traffic")
    if watched.requests >= _ENOUGH_REQUESTS:
        rate = watched.errors / watched.requests
        if rate >= _ERROR_RATE and rate >= _ERROR_JUMP * watched.errors_before:
            return Judgement(
                Verdict.BAD,
                f"{watched.errors} of {watched.requests} requests failed after it took the traffic"
                f" ({watched.errors_before:.0%} before)",
            )
    if watched.age >= WINDOW:
        return Judgement(Verdict.GOOD)
    return Judgement(Verdict.NONE)
