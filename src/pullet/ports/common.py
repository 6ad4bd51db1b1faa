"""What many ports speak of: time, and where output goes."""

from __future__ import annotations

from typing import Protocol

from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it


class Clock(Protocol):
    """Two clocks: people read `now`, durations come from `monotonic`, so a jump of the wall clock harms nothing."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class LogSink(Protocol):
    """Where the output of a step goes, line by line, as it comes."""

    def __call__(self, line: str, /) -> None:
        """`line` has no line end and no secret in it."""
