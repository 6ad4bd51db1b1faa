"""Where the files of instances are, and the folders that their sockets live in.

A socket's folder belongs to the app's user, who can put anything there: nothing in it is opened through a link.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId, slug
from pullet.drivers.listing import below, inside
from pullet.drivers.removing import remove_folder

_RECORD_LIMIT = 1 << 18  # bytes
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True)
class SocketFolder:
    path: Path

    @property
    def socket(self) -> Path:
        return self.path / "s"

    @property
    def record(self) -> Path:
        return self.path / "modules"

    @property
    def preload(self) -> Path:
        return self.path / "preload"

    @property
    def wake(self) -> Path:
        return self.path / "wake"

    @property
    def ready(self) -> Path:
        return self.path / "ready"

    def remove(self) -> None:
        with suppress(OSError):
            remove_folder(self.path)

    def recorded(self) -> tuple[str, ...]:
        """The modules that the running release uses, as the app itself tells: names, and no more than names."""
        try:
            file = os.open(self.record, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ()
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return ()
            text = stream.read(_RECORD_LIMIT).decode("ascii", "replace")
        return tuple(name for name in text.split("\n") if _MODULE.fullmatch(name))

    def send_orders(self, orders: bytes) -> bool:
        """False where no spare waits any more. Blocking: a spare reads at once, or is dead."""
        try:
            fifo = os.open(self.wake, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        with os.fdopen(fifo, "wb") as stream:
            if not stat.S_ISFIFO(os.fstat(fifo).st_mode):
                return False
            os.set_blocking(fifo, True)
            try:
                stream.write(orders)
            except OSError:
                return False
        return True


class Places:
    def __init__(self, home: Home) -> None:
        self.home = home

    def instance(self, instance: InstanceId) -> Path:
        environment = instance.release.environment
        return (
            self.home.run
            / environment.app
            / environment.name
            / str(instance.release.number)
            / f"{slug(instance.process)}.{instance.index}"
        )

    def whose(self, folder: Path) -> InstanceId | None:
        """The instance that `folder` is for, by its path alone: its process is named as `instance` names the folder."""
        app, environment, number, name = folder.relative_to(self.home.run).parts
        process, _, index = name.rpartition(".")
        if not (process and index.isdecimal() and number.isdecimal()):
            return None
        return InstanceId(ReleaseId(EnvironmentKey(app, environment), int(number)), process, int(index))

    def spare(self, environment: EnvironmentKey, process: str) -> Path:
        return self.home.run / environment.app / environment.name / "spares" / slug(process)

    def log(self, instance: InstanceId) -> Path:
        name = f"{slug(instance.process)}.{instance.index}.log"
        return self.home.logs / str(instance.release.environment) / str(instance.release.number) / name

    def instances(self, environment: EnvironmentKey | None) -> Iterator[Path]:
        yield from (folder for folder in self._folders(environment) if folder.parent.name != "spares")

    def spares(self, environment: EnvironmentKey | None) -> Iterator[Path]:
        yield from (folder for folder in self._folders(environment) if folder.parent.name == "spares")

    def _folders(self, environment: EnvironmentKey | None) -> Iterator[Path]:
        run = self.home.run
        environments = [run / environment.app / environment.name] if environment else list(below(run, 2))
        yield from inside(inside(environments))

    def make_sockets(self, modules: Sequence[str] | None = None) -> SocketFolder:
        """A new folder, whose name nobody can foresee; the router passes through, only the app writes.

        With `modules` it is also where a spare waits for its orders.
        """
        top = self.home.sockets
        top.mkdir(parents=True, exist_ok=True, mode=0o711)
        folder = SocketFolder(top / secrets.token_hex(8))
        folder.path.mkdir(mode=0o711)
        if modules is not None:
            folder.preload.write_text("\n".join(modules))
            os.mkfifo(folder.wake, 0o600)
        return folder
