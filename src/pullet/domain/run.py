"""One time that a schedule ran, or a backup was made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    number: int
    """Counted from 1 over everything that runs."""
    subject: str
    """`app/environment`, or empty for the target itself."""
    name: str
    due: float
    """Seconds since the epoch: the moment that it runs for; a schedule that was late goes on from here."""
    started: float
    finished: float | None = None
    exit_code: int | None = None
    """None while it runs, and where it was interrupted."""
    message: str = ""
    log: str = ""
    """Absolute path of its output; empty where there is none."""
