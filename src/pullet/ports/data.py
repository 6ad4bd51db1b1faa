"""What outlives releases: backing services, their backups, secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pullet.domain.backup import Backup, BackupManifest, Retention
from pullet.domain.identity import EnvironmentKey
from pullet.domain.refs import Refs as Refs  # noqa: PLC0414 - part of the Source port; it lives below so that the planner may use it
from pullet.domain.runtime import Capability
from pullet.domain.secrets import SecretPlace
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType, Shell
from pullet.ports.common import LogSink


class ServiceProvider(Protocol):
    """One type of backing service: databases, servers, files or folders that outlive releases.

    Data is never deleted but by `remove`. Where a method replaces data (`clone`, `load`), the old data stays in place
    until the new is whole; after a crash in between, the old is still there, and what was half made is cleared away by
    the next call. Everything may raise ServiceFailed or DiskFull.
    """

    type: ServiceType

    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        """Have the service there and running, with its data as it was; the same grant each time.

        Also what is asked for later (extensions, another memory limit) is applied. Fast when nothing is to be done.
        """

    async def seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        """Of files and folders: take what the repository brought at `source` as their beginning, once, while they are
        new. Nothing where `source` is a link or not there; servers never do anything."""

    async def ensure(self) -> None:
        """Have everything that was provided running again: after a crash, a kill or a restart of the box. Cheap: called
        every few seconds."""

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        """Every service there is data of, whether or not an app still asks for it."""

    async def clone(self, origin: ServiceKey, key: ServiceKey, spec: ServiceSpec, log: LogSink) -> Grant:
        """Provide `key` with a copy of the origin's data as of now, consistent in itself, in place of what it held.

        The origin goes on being used and sees no interruption; later writes to either are not seen by the other.
        """

    async def dump(self, key: ServiceKey, folder: Path) -> None:
        """Write the data, consistent in itself, as files into the empty `folder`: for a backup or a snapshot."""

    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:
        """Replace the data by what `dump` wrote, wholly or not at all. Raises ServiceFailed for a dump that is damaged
        or cut short, with the data left as it was."""

    async def remove(self, key: ServiceKey) -> None:
        """Delete the service and its data for good."""

    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:
        """What people look into the data with. Raises NotFound where the box has no such program."""

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        """End its processes (of one environment where servers are not shared); the data stays."""

    async def capabilities(self) -> Sequence[Capability]: ...


class Backups(Protocol):
    """Encrypted copies of the services' data at a destination outside the home.

    Everything may raise BackupFailed (destination missing or out of reach, another key, damage) or DiskFull. What was
    saved is never changed; only `prune` takes any away. Calls of one object queue up, they never overlap.
    """

    async def save(self, folder: Path, manifest: BackupManifest) -> Backup:
        """Keep every file of `folder` as one backup: whole, or not listed. Makes the repository at the destination
        where there is none yet. Nothing else may write to the folder meanwhile."""

    async def list(self) -> Sequence[Backup]:
        """Every whole backup, the oldest first; none where nothing was saved yet."""

    async def manifest(self, backup: str) -> BackupManifest:
        """Raises NotFound."""

    async def restore(self, backup: str, destination: Path) -> BackupManifest:
        """Write the files to `destination`, which must not exist: verified, and all of them, or it does not come to
        exist. Raises NotFound, UsageError."""

    async def check(self) -> None:
        """Read all that is at the destination and verify it; may take as long as it is big."""

    async def prune(self, target: str, retention: Retention) -> int:
        """Remove the target's backups that the retention does not keep; return how many those were."""

    async def capabilities(self) -> Sequence[Capability]: ...


class Secrets(Protocol):
    """Values that nobody but an app's processes sees."""

    def values(self, environment: EnvironmentKey, names: Sequence[str]) -> Mapping[str, str]:
        """The values of generated secrets: made once, the same ever after. Raises StoreError, DiskFull."""

    def forget(self, environment: EnvironmentKey) -> None:
        """The generated secrets of an environment that is gone for good. Safe to call again. Raises StoreError."""

    def fresh(self) -> str:
        """A new value such as generated secrets have; it is kept nowhere."""

    def recipient(self) -> str:
        """The public key that everybody may seal secrets with for this target. Raises StoreError, DiskFull."""

    def seal(self, place: SecretPlace, value: str) -> str:
        """One line of text (`age:…`), safe to publish, that only this target opens and only for that place.

        Raises UsageError for a value that no variable can hold, StoreError, DiskFull.
        """

    def open(self, environment: EnvironmentKey, sealed: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        """Name -> value of each (name, sealed text). Raises SecretUnreadable, which never tells a value; StoreError."""
