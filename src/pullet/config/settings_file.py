"""`settings.toml` in the home: what was chosen for this box, kept so that the next start needs no options."""

from __future__ import annotations

from typing import Annotated

import tomlkit
from pydantic import Field, model_validator

from pullet.config.reading import Section, read_toml_model
from pullet.config.times import Cron, TimeZone
from pullet.config.values import Label, PositiveDuration
from pullet.domain.backup import Retention

Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0, le=1000)]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00-\x1f]*$")]
BackupDestination = Annotated[
    str, Field(pattern=r"^(/[^\x00-\x1f]+|s3:https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9._/-]+)$")
]
"""Only these: no address with a password in it, no other of restic's stores, some of which run programs."""


class TlsTable(Section):
    """Certificates by ACME for every routed name outside *.localhost."""

    port: Port = Field(443, description="HTTPS port; visitors of the plain port are led here.")
    email: str = Field("", description="Told to the certificate authority, for notices of expiry.")
    directory: str = Field("", description="ACME directory of another authority than Caddy's default.")
    internal: bool = Field(False, description="Sign with an authority of the box's own: for closed networks.")


class LimitsTable(Section):
    """What one app may take of the box."""

    build: PositiveDuration = Field(900.0, description="Longest time of a build.", examples=["15m"])
    release_command: PositiveDuration = Field(
        600.0, description="Longest time of one release command, such as a migration.", examples=["10m"]
    )


class AssessTable(Section):
    """Assessments of security."""

    advisories: str = Field(
        "https://github.com/pypa/advisory-database.git",
        description="Git repository of advisories in OSV's format, which dependencies are compared with. Empty: none.",
        examples=["https://git.example.com/mirrors/advisory-database.git"],
    )
    advisories_interval: PositiveDuration = Field(
        6 * 3600.0, description="How often that repository is polled, off the road of any commit.", examples=["6h"]
    )
    advisories_max_age: PositiveDuration = Field(
        14 * 86400.0, description="Advisories that are older say nothing: the part is not assessed.", examples=["14d"]
    )


class BackupsTable(Section):
    """Encrypted, deduplicated backups of all services' data."""

    destination: BackupDestination = Field(
        description="An absolute folder that exists (better on another disk), or a store that speaks S3.",
        examples=["s3:https://s3.example.com/backups/box"],
    )
    credentials: AbsolutePath | None = Field(
        None,
        description="A file of mode 0600 with AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=… of the store.",
        examples=["/etc/pullet/backups.env"],
    )
    schedule: Cron = Field("30 2 * * *", description="When, in cron's five fields.", examples=["30 2 * * *"])
    time_zone: TimeZone = Field(
        "UTC", description="The time zone that `schedule` speaks of, by its IANA name.", examples=["Europe/Vienna"]
    )
    keep_last: Count = Field(3, description="How many of the newest are kept; 0 switches the rule off.")
    keep_daily: Count = Field(7, description="For how many days the last one of the day is kept.", examples=[7])
    keep_weekly: Count = Field(4, description="For how many weeks the last one of the week is kept.")
    keep_monthly: Count = Field(6, description="For how many months the last one of the month is kept.")

    @model_validator(mode="after")
    def _keeps_some(self) -> BackupsTable:
        if not any((self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly)):
            raise ValueError("one of keep_last, keep_daily, keep_weekly and keep_monthly must be above 0")
        return self

    @property
    def retention(self) -> Retention:
        return Retention(self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly)


class SettingsFile(Section):
    """Everything is optional."""

    port: Port = Field(8080, description="The router's plain HTTP port.")
    target: Label = Field("box", description="Which directory of the fleet repository is this box.")
    fleet: str | None = Field(None, description="URL of a remote fleet repository. Default: a local one in the home.")
    postgresql: str | None = Field(
        None,
        description="URL of a PostgreSQL server to use instead of one of Pullet's own, with a user that may make roles "
        "and databases.",
    )
    limits: LimitsTable = Field(LimitsTable(), description="Limits of every app on this box.")
    assess: AssessTable = Field(AssessTable(), description="Assessments of the security of releases.")
    tls: TlsTable | None = Field(None, description="Turns HTTPS on.")
    backups: BackupsTable | None = Field(
        None,
        description="Turns backups of all services' data on: encrypted with the target's key, deduplicated, pruned.",
    )


def read_settings(text: str, path: str) -> SettingsFile:
    """Raises ConfigError that names line and key."""
    return read_toml_model(text, path, SettingsFile)


def change_settings(text: str, path: str, **chosen: object) -> str:
    """The text with the given top-level settings (None: left as it is), comments kept. Raises ConfigError."""
    document = tomlkit.parse(text)
    for name, value in chosen.items():
        if value is not None:
            document[name] = value
    changed = tomlkit.dumps(document)
    read_settings(changed, path)
    return changed
