"""What is kept of one Valkey service, below `Home.service(key)/valkey`:

service.json     what was provided, with the passwords: for Pullet alone
valkey.conf      made anew from it before each launch: for the server's user alone, with digests of the passwords
data-<id>/       the working folder of the server. `service.json` names the one that counts, so data are replaced by
                 replacing that file; any other is a leftover
process/         the shim
trial/           the shim of a server that tries new data
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pullet.domain.errors import ServiceFailed
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import Grant, ServiceKey, ServiceSpec
from pullet.drivers.services.naming import own_variable
from pullet.drivers.services.untrusted import copy_regular

DEFAULT_MEMORY = 64 << 20  # bytes
ADMIN = "pullet"  # the user that Pullet itself is, over the unix socket only by habit: its password never leaves here
SOCKET = "admin.sock"  # in the data folder
SNAPSHOT = "snapshot.rdb"
# Below the range of outgoing connections (ip_local_port_range starts at 32768): those would take it while it is down.
_PORTS = range(20_000, 32_768)

# What is left to an app of the commands that can harm a server or look into its machine. It is the app's own server,
# so what Celery, RQ, django-redis and their like use of those comes back: INFO (versions, health checks), KEYS,
# FLUSHDB, FLUSHALL (clearing a cache), SORT, CLIENT (names, lists of workers), ROLE. Not CONFIG, DEBUG, SHUTDOWN,
# REPLICAOF, MODULE, SAVE, BGSAVE, MONITOR, MIGRATE, RESTORE (crafted payloads), ACL; nor what of CLIENT escapes the
# memory limit (NO-EVICT) or holds up Pullet's own commands (PAUSE).
_APP_MAY = (
    "+@all -@admin -@dangerous +info +keys +flushdb +flushall +sort +sort_ro +client -client|no-evict -client|pause "
    "+role +acl|whoami"
)


@dataclass(frozen=True)
class Record:
    """`service.json`."""

    app: str
    environment: str
    name: str
    memory: int
    persistent: bool
    port: int
    password: str
    admin_password: str
    data: str

    @property
    def key(self) -> ServiceKey:
        return ServiceKey(EnvironmentKey(self.app, self.environment), self.name)

    def identity(self) -> dict[str, str]:
        """What a running server cannot change: labels of its shim."""
        return {"persistent": str(self.persistent), "port": str(self.port), "data": self.data, "service": str(self.key)}

    def grant(self) -> Grant:
        url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"
        names = dict.fromkeys(("REDIS_URL", "VALKEY_URL", own_variable(self.name, "URL")))
        return Grant(variables=tuple((name, url) for name in names), secrets=(self.password, url))


def new_record(key: ServiceKey, spec: ServiceSpec) -> Record:
    return Record(
        app=key.environment.app,
        environment=key.environment.name,
        name=key.name,
        memory=spec.memory or DEFAULT_MEMORY,
        persistent=spec.persistent,
        port=free_port(),
        password=secrets.token_urlsafe(32),
        admin_password=secrets.token_urlsafe(32),
        data=new_data_name(),
    )


def elsewhere(record: Record) -> Record:
    """At another address, with another password: the old one may have been told to whoever has the port now."""
    return replace(record, port=free_port(), password=secrets.token_urlsafe(32))


def new_data_name() -> str:
    return f"data-{secrets.token_hex(4)}"


def free_port() -> int:
    for port in random.sample(_PORTS, 200):
        if port_is_free(port):
            return port
    raise ServiceFailed("There is no free port for a Valkey server", hint=f"Looked at 200 of {_PORTS}.")


def port_is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def read_record(root: Path) -> Record | None:
    """None where nothing was provided. Raises ServiceFailed for a damaged one: its passwords are in use."""
    try:
        return Record(**json.loads((root / "service.json").read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError) as err:
        raise ServiceFailed(f"{root / 'service.json'} is damaged", context=str(err), hint="Restore a backup.") from err


def write_record(root: Path, record: Record) -> None:
    _write(root / "service.json", json.dumps(asdict(record), indent=1), None)


def write_configuration(root: Path, record: Record, user: int | None, *, trial: bool = False) -> Path:
    """`trial`: for a server that only shows whether it can read the data; it listens on its unix socket alone."""
    path = root / ("trial.conf" if trial else "valkey.conf")
    _write(path, configuration(record, trial=trial), user)
    return path


def configuration(record: Record, *, trial: bool = False) -> str:
    """A server that was killed has lost nothing it acknowledged: what write(2) took is the kernel's. Where the machine
    itself dies, it is what came in the last second (appendfsync everysec)."""
    lines = [
        "bind 127.0.0.1",
        f"port {0 if trial else record.port}",
        f"unixsocket {SOCKET}",  # in the working folder, as all data
        "unixsocketperm 700",
        f"dbfilename {SNAPSHOT}",
        'save ""',
        f"appendonly {'yes' if record.persistent else 'no'}",
        "appendfsync everysec",
        f"maxmemory {record.memory}",
        f"maxmemory-policy {'noeviction' if record.persistent else 'allkeys-lru'}",
        "maxmemory-clients 50%",  # buffers of clients that do not read
        "stop-writes-on-bgsave-error no",  # a snapshot that fails is no reason to refuse the app
        "daemonize no",
        'logfile ""',
        "set-proc-title no",
        f"user default on #{_digest(record.password)} ~* &* {_APP_MAY}",
        f"user {ADMIN} on #{_digest(record.admin_password)} ~* &* +@all",
    ]
    return "\n".join(lines) + "\n"


def make_root(home: Path, root: Path) -> None:
    """The folder of a service, with a way to it for the server's user: to pass through, not to read."""
    root.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for folder in (home, *(p for p in (root, *root.parents) if home in p.parents)):
            folder.chmod(folder.stat().st_mode | 0o011)


def make_data(root: Path, name: str, user: int | None, snapshot: Path | None = None) -> None:
    """A working folder for the server, which starts from `snapshot`: as an append-only file may begin with one. It is
    the user's only once it is whole."""
    folder = root / name
    folder.mkdir(mode=0o700)
    first = folder / "appendonly.aof"
    if snapshot is not None:
        copy_regular(snapshot, first)
    if user is not None:
        for path in (first, folder) if snapshot is not None else (folder,):
            os.chown(path, user, user)


def refuse_lost(root: Path, record: Record, kept: Record | None) -> None:
    """Raises ServiceFailed where the data that were recorded are gone: an empty server would pass for the app's own."""
    if kept is not None and kept.data == record.data:
        raise ServiceFailed(
            f"The data of {record.key} are gone: there is no {root / record.data}",
            hint="Put the folder back, load a backup, or remove the service for an empty one.",
        )


def leftovers(root: Path, record: Record) -> list[Path]:
    """Data folders that were to be, or have been, replaced."""
    return [folder for folder in root.glob("data-*") if folder.name != record.data]


def _write(path: Path, text: str, user: int | None) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        if user is not None:
            os.fchown(file.fileno(), user, user)
    new.replace(path)


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
