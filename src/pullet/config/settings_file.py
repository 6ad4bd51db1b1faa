"""`settings.toml` in the home: what was chosen for this box, kept so that the next start needs no options."""

from __future__ import annotations

from typing import Annotated

import tomlkit
from pydantic import Field

from pullet.config.reading import Section, read_toml_model
from pullet.config.values import PositiveDuration

TargetName = Annotated[str, Field(pattern="^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Port = Annotated[int, Field(ge=1, le=65535)]


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


class SettingsFile(Section):
    """Everything is optional."""

    port: Port = Field(8080, description="The router's plain HTTP port.")
    target: TargetName = Field("box", description="Which directory of the fleet repository is this box.")
    fleet: str | None = Field(None, description="URL of a remote fleet repository. Default: a local one in the home.")
    postgresql: str | None = Field(
        None,
        description="URL of a PostgreSQL server to use instead of one of Pullet's own, with a user that may make roles "
        "and databases.",
    )
    limits: LimitsTable = Field(LimitsTable(), description="Limits of every app on this box.")
    tls: TlsTable | None = Field(None, description="Turns HTTPS on.")


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
