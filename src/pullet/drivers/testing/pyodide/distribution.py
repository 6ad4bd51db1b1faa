"""Pyodide itself: fetched once, its standard library compiled once, kept for every run after that."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from pullet.domain.assets import Manager
from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, TestsFailed
from pullet.drivers.build.node import npm_settings
from pullet.drivers.build.settings import SYSTEM_PATH
from pullet.drivers.build.workshop import Workshop
from pullet.drivers.listing import inside
from pullet.drivers.testing.pyodide.inside import FOLDER
from pullet.drivers.testing.pyodide.tools import Node
from pullet.ports import LogSink

_PACKAGE = "pyodide@^314.0.0"
_HOLDS = 30 * 86_400.0  # seconds; then it is asked whether there is a newer one
_NAME = re.compile(r"pyodide-(\d+\.\d+\.\d+)")
_SECONDS = 300.0


@dataclass(frozen=True)
class Distribution:
    folder: Path
    version: str
    python: str
    """`3.14.2`."""
    abi: str
    """`2026_0`: which compiled wheels fit."""

    @property
    def library(self) -> Path:
        return self.folder / "library.zip"


class Distributions:
    def __init__(self, workshop: Workshop, folder: Path) -> None:
        """`folder`: of Pullet's own."""
        self._workshop = workshop
        self._folder = folder
        self._lock = asyncio.Lock()

    def present(self) -> Distribution | None:
        """The newest that is here and whole. Blocking, and quick."""
        found = [path for path in inside([self._folder]) if _NAME.fullmatch(path.name) and path.is_dir()]
        return next(filter(None, map(_described, sorted(found, key=_version, reverse=True))), None)

    async def ensure(self, node: Node, log: LogSink) -> Distribution:
        """What is here will do while npm's registry cannot be reached. Raises TestsFailed where nothing is."""
        async with self._lock:
            present = self.present()
            if present and time.time() - present.library.stat().st_mtime < _HOLDS:
                return present
            try:
                log("fetching Pyodide")
                await self._fetch(node)
            except TestsFailed:
                if present is None:
                    raise
                present.library.touch()
            if found := self.present():
                return found
            raise TestsFailed("Pyodide cannot be used", hint=f"Remove {self._folder} and try again.")

    async def _fetch(self, node: Node) -> None:
        await self._workshop.sweep(self._folder)
        async with self._workshop.folder(self._folder) as target:
            await self._run(self._install(node, target), "Could not fetch Pyodide")
            made = target / "node_modules" / "pyodide"
            await self._run(compiling(node, made, made), "Could not compile Python's standard library")
            (made / "library.zip").chmod(0o644)
            final = self._folder / f"pyodide-{_package(made)['version']}"
            if final.is_dir():
                (final / "library.zip").touch()
            else:
                made.rename(final)

    def _install(self, node: Node, target: Path) -> Command:
        options = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(target))
        settings = npm_settings(self._workshop.settings.environ, target / "cache", Manager.NPM)
        environment = {**settings, "PATH": f"{node.program.parent}:{SYSTEM_PATH}", "HOME": str(target)}
        argv = (*node.npm, "install", *options, _PACKAGE)
        secrets = self._workshop.settings.secrets
        return Command(argv, cwd=target, environment=environment, timeout=_SECONDS, secrets=secrets)

    async def _run(self, command: Command, what: str) -> None:
        try:
            await self._workshop.runner.run(command)
        except CommandFailed as err:
            hint = "Look at what npm says; Pyodide is fetched once and then kept."
            raise TestsFailed(what, context=err.output[-2000:], hint=hint) from err


def compiling(node: Node, pyodide: Path, out: Path, folder: Path | None = None) -> Command:
    """Bytecode archives in `out`: of Pyodide's own library, or of what is installed in `folder`."""
    argv = (str(node.program), str(FOLDER / "compile.mjs"), str(pyodide), str(out), *((str(folder),) if folder else ()))
    return Command(argv, cwd=out, environment={"PATH": SYSTEM_PATH, "HOME": "/tmp"}, timeout=_SECONDS)  # noqa: S108 - inside


def _version(folder: Path) -> Version:
    return Version(folder.name.removeprefix("pyodide-"))


def _package(folder: Path) -> dict[str, str]:
    package: dict[str, str] = json.loads((folder / "package.json").read_text("utf-8"))
    return package


def _described(folder: Path) -> Distribution | None:
    with suppress(OSError, ValueError, KeyError):
        told = json.loads((folder / "pyodide-lock.json").read_text("utf-8"))["info"]
        version = folder.name.removeprefix("pyodide-")
        (folder / "library.zip").stat()
        return Distribution(folder, version, str(told["python"]), str(told["abi_version"]))
    return None
