"""A provider of any type whose data are folders: a record is a file. For reconcile tests; it keeps the contract."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pullet.domain.errors import PulletError, ServiceFailed
from pullet.domain.identity import EnvironmentKey
from pullet.domain.runtime import Capability
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType, Shell
from pullet.drivers.services import sealed
from pullet.ports import LogSink

_VARIABLES = {
    ServiceType.POSTGRESQL: "DATABASE_URL",
    ServiceType.VALKEY: "REDIS_URL",
    ServiceType.SQLITE: "DATABASE_URL",
    ServiceType.VOLUME: "VOLUME_URL",
}


class FakeProvider:
    """`calls` has what was asked, as (method, key); the next call raises `failure` where one is set, once."""

    def __init__(self, root: Path, type_: ServiceType) -> None:
        self.type = type_
        self.calls: list[tuple[str, ServiceKey | EnvironmentKey | None]] = []
        self.failure: PulletError | None = None
        self.running = False
        self._root = root
        self._root.mkdir(parents=True, exist_ok=True)

    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        self._called("provide", key)
        return self._provided(key)

    async def seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        self._called("seed", key)

    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:
        return Shell(("fake-shell",))

    async def ensure(self) -> None:
        self._called("ensure", None)
        self.running = True

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        self._called("observe", environment)
        keys = [self._key_of(folder) for folder in sorted(self._root.glob("*/key"))]
        wanted = sorted(key for key in keys if environment in (None, key.environment))
        return tuple(ServiceState(key, self.type, self.running, size=1) for key in wanted)

    async def clone(self, origin: ServiceKey, key: ServiceKey, spec: ServiceSpec, log: LogSink) -> Grant:
        self._called("clone", key)
        if origin == key or not self.folder(origin).exists():
            raise ServiceFailed(f"{key} cannot be a copy of {origin}")
        log(f"copying {origin}")
        self._provided(key)
        self._replace(key, self.folder(origin) / "records")
        return self._provided(key)

    async def dump(self, key: ServiceKey, folder: Path) -> None:
        self._called("dump", key)
        if not self.folder(key).exists():
            raise ServiceFailed(f"There is no {key}")
        shutil.copytree(self.folder(key) / "records", folder / "records")
        sealed.seal(folder)

    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:
        self._called("load", key)
        sealed.check(folder)
        self._provided(key)
        self._replace(key, folder / "records")

    async def remove(self, key: ServiceKey) -> None:
        self._called("remove", key)
        shutil.rmtree(self.folder(key), ignore_errors=True)

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        self._called("stop", environment)
        self.running = False

    async def capabilities(self) -> Sequence[Capability]:
        return (Capability(self.type, True, "a fake"),)

    # for tests

    def folder(self, key: ServiceKey) -> Path:
        return self._root / hashlib.sha256(str(key).encode()).hexdigest()[:16]

    def write(self, grant: Grant, name: str) -> None:
        (_records(grant) / name).write_text("record")

    def read(self, grant: Grant) -> set[str]:
        return {path.name for path in _records(grant).iterdir()}

    def _called(self, method: str, subject: ServiceKey | EnvironmentKey | None) -> None:
        self.calls.append((method, subject))
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def _provided(self, key: ServiceKey) -> Grant:
        self.running = True
        folder = self.folder(key)
        if not folder.exists():
            (folder / "records").mkdir(parents=True)
            (folder / "password").write_text(secrets.token_hex(8))
            (folder / "key").write_text("\0".join((key.environment.app, key.environment.name, key.name)))
        password = (folder / "password").read_text()
        url = f"fake://user:{password}@localhost{folder / 'records'}"
        return Grant(variables=((_VARIABLES[self.type], url),), secrets=(password,))

    def _replace(self, key: ServiceKey, origin: Path) -> None:
        records = self.folder(key) / "records"
        shutil.rmtree(records)
        shutil.copytree(origin, records)

    def _key_of(self, file: Path) -> ServiceKey:
        app, environment, name = file.read_text().split("\0")
        return ServiceKey(EnvironmentKey(app, environment), name)


def _records(grant: Grant) -> Path:
    return Path(urlsplit(grant.variables[0][1]).path)
