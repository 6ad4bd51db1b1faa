"""Backups for tests: restic by the means that users get it, folders to save, an S3 store on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pullet.domain.backup import BackupManifest, BackupReason, SavedService
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceKey, ServiceSpec, ServiceType
from pullet.drivers.backups import ResticBackups, find_restic
from pullet.drivers.process import ProcessRunner

KEY = "AGE-SECRET-KEY-1TESTTESTTESTTESTTESTTESTTESTTESTTESTTEST"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "an-access-key-id", "AWS_SECRET_ACCESS_KEY": "a-secret-access-key"}
_TOOLS = Path(__file__).parents[1] / ".tools"
_SERVICE = SavedService(
    ServiceKey(EnvironmentKey("shop", "production"), "db"), ServiceSpec("db", ServiceType.POSTGRESQL), "shop/db"
)


def manifest(reason: BackupReason = BackupReason.SCHEDULED, target: str = "box") -> BackupManifest:
    return BackupManifest(target, (_SERVICE,), "0123abcd", "0.1.0", reason)


async def restic_program() -> Path:
    """Fetched once a checkout; once a process where the checkout cannot be written."""
    tools = _TOOLS if os.access(_TOOLS if _TOOLS.exists() else _TOOLS.parent, os.W_OK) else _own_tools()
    tools.mkdir(exist_ok=True)
    with (tools / "restic.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        return await find_restic(tools, ProcessRunner())


def _own_tools() -> Path:
    return Path(tempfile.gettempdir(), f"pullet-test-tools-{os.getuid()}-{os.getpid()}")


async def restic_backups(home: Path, destination: str, key: str = KEY, **more: Mapping[str, str]) -> ResticBackups:
    program = await restic_program()
    own = Home(home).tools / "restic" / "restic"
    own.parent.mkdir(parents=True, exist_ok=True)
    if not own.exists():
        own.symlink_to(program)
    return ResticBackups(Home(home), ProcessRunner(), destination, key, **more)


def fill(folder: Path, size: int = 1 << 20) -> Path:
    """A folder as dumps leave it, and as a hostile app may have left its volume."""
    media = folder / "shop" / "media"
    media.mkdir(parents=True)
    (folder / "shop" / "db").write_bytes(os.urandom(size))
    (media / "empty").touch()
    (media / "-rf").mkdir()
    (media / "-rf" / "--exclude=*").write_text("a name like an option")
    (media / "line\nend").write_text("two lines")
    (media / "größe ✓").write_text("another script")
    (media / "out").symlink_to("/etc/passwd")
    (media / "up").symlink_to("../../../../..")
    Path(os.fsdecode(os.fsencode(media) + b"/\xff\xfe")).write_text("no UTF-8")
    (media / ("x" * 200)).write_text("long")
    private = media / "private"
    private.write_text("for the owner")
    private.chmod(0o600)
    (media / "script").write_text("#!/bin/sh\n")
    (media / "script").chmod(0o755)
    (media / "closed").mkdir(mode=0o500)
    return folder


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Relative path -> (mode, what is in it)."""
    found: dict[str, tuple[int, str]] = {}
    for path in sorted(folder.rglob("*")):
        data = ""
        if path.is_symlink():
            data = str(path.readlink())
        elif path.is_file():
            data = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, data)
    return found


@contextlib.contextmanager
def s3_store() -> Iterator[str]:
    """The address of a bucket in a store on loopback, empty and gone afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": "/tmp"}
    )
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            assert process.poll() is None and time.monotonic() < deadline, "the store does not start"
            time.sleep(0.05)
        yield f"s3:http://127.0.0.1:{port}/bucket/box"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
