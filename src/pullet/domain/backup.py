"""Backups: what one contains, what there is of them, and how many are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pullet.domain.errors import UsageError
from pullet.domain.services import ServiceKey, ServiceSpec


class BackupReason(StrEnum):
    """Why a backup was made. Retention counts each reason by itself, so that nightly ones never push out the last
    copy of an environment that is gone."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    FINAL = "final"  # of an environment, before it was destroyed


@dataclass(frozen=True)
class SavedService:
    """One service in a backup."""

    key: ServiceKey
    spec: ServiceSpec
    folder: str
    """Where its dump lies in the backup, relative to its top, such as `shop/production/db`."""


@dataclass(frozen=True)
class BackupManifest:
    """What one backup contains, and what is needed beside it to rebuild the target."""

    target: str
    services: tuple[SavedService, ...]
    fleet: str
    """The commit of the fleet repository that was in force; empty where there was none."""
    version: str
    """Of the Pullet that made it."""
    reason: BackupReason = BackupReason.SCHEDULED


@dataclass(frozen=True)
class Backup:
    """One backup as the destination lists it."""

    id: str
    at: float
    """Seconds since the epoch."""
    target: str
    reason: BackupReason
    files: int
    size: int
    """Bytes of its files when restored; what it takes at the destination is far less, being shared and compressed."""


@dataclass(frozen=True)
class Retention:
    """How many backups of a target and a reason are kept: the union of these rules. 0 switches a rule off."""

    keep_last: int = 3
    keep_daily: int = 7
    keep_weekly: int = 4
    keep_monthly: int = 6

    def __post_init__(self) -> None:
        counts = (self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly)
        if min(counts) < 0 or not any(counts):
            raise UsageError(
                "A retention keeps at least one backup",
                context=f"last, daily, weekly, monthly: {counts}",
                hint="Give one of keep_last, keep_daily, keep_weekly and keep_monthly a number above 0.",
            )
