"""The restic program: the box's own where it is new enough, else Debian's package, fetched without being root.

`apt-get download` verifies what it fetches by APT's chain of signatures, and needs no root; `dpkg-deb -x` unpacks it
into the home. Where the box has no package lists, they are fetched too, into a folder of our own.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import BackupFailed, CommandFailed, RuntimeFailed
from pullet.drivers.process import ProcessRunner

_OLDEST = (0, 14)  # repositories with compression
_PASSED_ON = ("PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "APT_CONFIG")
_HINT = "Install restic 0.14 or newer, on Debian: apt-get install restic"


async def find_restic(tools: Path, runner: ProcessRunner) -> Path:
    """An absolute path; `tools` is where a copy is kept that had to be fetched. Raises BackupFailed."""
    present = await present_restic(tools, runner)
    if present is not None:
        return present
    own = _own(tools)
    await _fetch(own, runner)
    return own


async def present_restic(tools: Path, runner: ProcessRunner) -> Path | None:
    """The one there is, without fetching any."""
    for candidate in (shutil.which("restic"), shutil.which(str(_own(tools)))):
        if candidate is not None and await _works(candidate, runner):
            return Path(candidate)
    return None


def _own(tools: Path) -> Path:
    return tools / "restic" / "restic"


async def _works(program: str, runner: ProcessRunner) -> bool:
    try:
        done = await runner.run(Command((program, "version"), environment=environment(), timeout=30))
    except (CommandFailed, RuntimeFailed):
        return False
    match = re.match(r"restic (\d+)\.(\d+)", done.text)
    return match is not None and (int(match[1]), int(match[2])) >= _OLDEST


async def _fetch(own: Path, runner: ProcessRunner) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise BackupFailed("restic, which makes the backups, is not on this box", hint=_HINT)
    own.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=own.parent) as folder:
        try:
            package = await _download(Path(folder), runner)
            await _run(runner, Path(folder), "dpkg-deb", "-x", str(package), "content")
        except (CommandFailed, RuntimeFailed) as err:
            raise BackupFailed("Could not fetch restic from Debian", context=err.context, hint=_HINT) from err
        unpacked = Path(folder, "content", "usr", "bin", "restic")
        if not await _works(str(unpacked), runner):
            raise BackupFailed("Debian's restic does not run here, or is older than 0.14", hint=_HINT)
        await asyncio.to_thread(unpacked.replace, own)


async def _download(folder: Path, runner: ProcessRunner) -> Path:
    try:
        await _run(runner, folder, "apt-get", "download", "restic")
    except CommandFailed:  # no package lists on the box, or old ones
        options = await asyncio.to_thread(_own_lists, folder / "apt")
        await _run(runner, folder, "apt-get", *options, "update")
        await _run(runner, folder, "apt-get", *options, "download", "restic")
    packages = await asyncio.to_thread(lambda: list(folder.glob("restic_*.deb")))
    if not packages:
        raise BackupFailed("apt-get fetched no package of restic", hint=_HINT)
    return packages[0]


def _own_lists(folder: Path) -> tuple[str, ...]:
    """Options by which apt-get keeps package lists in `folder`: that needs no root, and changes nothing of the box."""
    for inner in ("state/lists/partial", "cache/archives/partial"):
        (folder / inner).mkdir(parents=True)
    chosen = (
        f"Dir::State={folder}/state",
        f"Dir::Cache={folder}/cache",
        "Dir::State::status=/var/lib/dpkg/status",
        "APT::Sandbox::User=",  # the user _apt may not enter the home
    )
    return tuple(word for option in chosen for word in ("-o", option))


async def _run(runner: ProcessRunner, folder: Path, *argv: str) -> None:
    await runner.run(Command(argv, cwd=folder, environment=environment(), timeout=300))


def environment() -> Mapping[str, str]:
    """What a program needs of ours, and no more."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C"}
