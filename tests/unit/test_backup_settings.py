"""[backups] of settings.toml."""

from __future__ import annotations

import pytest

from pullet.config.settings_file import read_settings
from pullet.domain.backup import Retention
from pullet.domain.errors import ConfigError, UsageError


def test_a_destination_is_all_it_takes() -> None:
    found = read_settings('[backups]\ndestination = "/mnt/backups"', "settings.toml").backups
    assert found is not None
    assert (found.schedule, found.time_zone, found.credentials) == ("30 2 * * *", "UTC", None)
    assert found.retention == Retention(3, 7, 4, 6)


def test_without_the_table_there_are_no_backups() -> None:
    assert read_settings("", "settings.toml").backups is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        'destination = "relative"',
        'destination = "rclone:remote:path"',
        'destination = "sftp:host:/path"',
        'destination = "s3:https://key:secret@host/bucket"',
        'destination = "s3:https://host"',
        'destination = "/mnt"\nschedule = "often"',
        'destination = "/mnt"\ncredentials = "relative"',
        'destination = "/mnt"\nkeep_last = -1',
        'destination = "/mnt"\nkeep_last = 0\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0',
    ],
)
def test_what_cannot_be_followed_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="backups"):
        read_settings(f"[backups]\n{line}", "settings.toml")


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (1, -1, 0, 0)])
def test_a_retention_keeps_something(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError):
        Retention(*counts)
