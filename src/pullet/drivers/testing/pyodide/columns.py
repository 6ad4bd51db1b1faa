"""The columns of Python in WebAssembly: Chromium, Firefox and Node."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullet.domain.command import Command
from pullet.domain.errors import TestsFailed
from pullet.domain.home import Home
from pullet.drivers.build.settings import SYSTEM_PATH, BuildSettings
from pullet.drivers.build.workshop import Workshop
from pullet.drivers.confinement import Confinement, Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.testing.cpython import scratch_folder
from pullet.drivers.testing.pyodide.browsers import CHROMIUM, FIREFOX, Browser
from pullet.drivers.testing.pyodide.dependencies import Dependencies
from pullet.drivers.testing.pyodide.distribution import Distribution, Distributions
from pullet.drivers.testing.pyodide.files import Bytecode, Packed, description, pack, unwanted
from pullet.drivers.testing.pyodide.inside import FOLDER
from pullet.drivers.testing.pyodide.profiles import Profiles
from pullet.drivers.testing.pyodide.tools import Node, find_node, node_identity, program_identity
from pullet.drivers.testing.pyodide.venue import Host, Plan, PyodideVenue
from pullet.ports import ColumnKind, LogSink, Suite, Venue

_PORT = 38_417  # of the page: what a browser's profile has cached it knows by its address
_MOST = 4  # interpreters side by side


@dataclass(frozen=True)
class Ready:
    """All that a run needs on disk."""

    distribution: Distribution
    node: Node
    packages: Path
    scratch: Path
    """The suite's archive is in it."""
    packed: Packed
    bytecode: Bytecode

    @property
    def folders(self) -> tuple[Path, ...]:
        return (FOLDER, self.distribution.folder, self.packages, self.scratch)


class Artefacts:
    """What all columns share below one folder."""

    def __init__(self, workshop: Workshop, folder: Path, scratch: Path) -> None:
        self.workshop = workshop
        self.folder = folder
        self._scratch = scratch
        self._node = asyncio.Lock()
        self.distributions = Distributions(workshop, folder)
        self.dependencies = Dependencies(workshop, folder / "apps")

    @contextlib.asynccontextmanager
    async def ready(self, suite: Suite, log: LogSink) -> AsyncIterator[Ready]:
        """Raises TestsFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        async with self._node:
            node = await find_node(self.workshop, self.folder, log)
        distribution = await self.distributions.ensure(node, log)
        name, own = await asyncio.to_thread(description, suite.top, suite.lock)
        unneeded = (name, *await asyncio.to_thread(unwanted, suite.top))
        packages = await self.dependencies.ensure(suite, unneeded, node, distribution, log)
        bytecode = Bytecode(packages.parent / f"bytecode-{packages.name}")
        async with scratch_folder(self._scratch) as scratch:
            archive = scratch / "suite.zip"
            packed = await asyncio.to_thread(pack, suite.top, archive, own, bytecode)
            archive.chmod(0o644)
            yield Ready(distribution, node, packages, scratch, packed, bytecode)

    def identity(self) -> str:
        """What of this box decides results. Blocking, and quick."""
        present = self.distributions.present()
        return f"{present.version} {node_identity(self.folder)}" if present else node_identity(self.folder)


def plan_of(suite: Suite, ready: Ready, base: Mapping[str, str], *, pages: bool) -> Plan:
    """What its sessions are told."""
    top = str(suite.top)
    inside = [os.path.relpath(path, top) for path in suite.python_path]
    told: dict[str, Any] = {
        "arguments": list(suite.arguments),
        "limit": suite.limit,
        "python_path": [f"/suite/{path}" for path in inside if not path.startswith("..")],
        "variables": dict(suite.variables),
        "memory": suite.memory,
    }
    packed = ready.packed
    return Plan(told, base, pages, packed.uncompiled, keep=lambda word: ready.bytecode.keep(word, packed.digests))


def describe(runtime: str, distribution: Distribution) -> str:
    """For people."""
    return f"{runtime}, Pyodide {distribution.version} (CPython {distribution.python})"


class NodeColumn:
    """The `ColumnKind` without a page."""

    name = "node"

    def __init__(self, artefacts: Artefacts, sandbox: Sandbox) -> None:
        self._artefacts = artefacts
        self._sandbox = sandbox

    @contextlib.asynccontextmanager
    async def prepare(self, suite: Suite, log: LogSink) -> AsyncIterator[Venue]:
        async with self._artefacts.ready(suite, log) as ready:
            start = _Starter(suite, self._node(suite, ready), None)
            base = {
                "pyodide": f"{ready.distribution.folder}/",
                "library": str(ready.distribution.library),
                "packages.zip": str(ready.packages / "packages.zip"),
                "unpacked.zip": str(ready.packages / "unpacked.zip"),
                "suite.zip": str(ready.scratch / "suite.zip"),
            }
            plan = plan_of(suite, ready, base, pages=False)
            async with _opened(suite, plan, start, lambda told: describe(told or "Node", ready.distribution)) as venue:
                yield venue

    def identity(self, suite: Suite) -> str:  # noqa: ARG002 - of this box, whatever the suite
        return self._artefacts.identity()

    def _node(self, suite: Suite, ready: Ready) -> Command:
        environment = {"PATH": SYSTEM_PATH, "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - inside
        command = Command((str(ready.node.program), str(FOLDER / "node.mjs")), environment=environment)
        readable = (*map(str, ready.folders), *ready.node.roots)
        return self._sandbox.confine(command, Confinement(suite.app, readable=readable, network=suite.network))


class BrowserColumn:
    """The `ColumnKind` of one browser."""

    def __init__(self, browser: Browser, artefacts: Artefacts, sandbox: Sandbox, profiles: Profiles) -> None:
        self.name = browser.name
        self._browser = browser
        self._artefacts = artefacts
        self._sandbox = sandbox
        self._profiles = profiles

    @contextlib.asynccontextmanager
    async def prepare(self, suite: Suite, log: LogSink) -> AsyncIterator[Venue]:
        program = self._browser.program()
        async with (
            self._artefacts.ready(suite, log) as ready,
            self._profiles.borrowed(self._browser.name, suite.app) as profile,
        ):
            self._sandbox.hand_over(profile, suite.app)
            start = _Starter(suite, self._serving(suite, ready, profile), self._asked(ready, program, profile))
            plan = plan_of(suite, ready, _addresses(ready), pages=True)
            version = self._browser.version
            async with _opened(suite, plan, start, lambda told: describe(version(told), ready.distribution)) as venue:
                yield venue

    def identity(self, suite: Suite) -> str:  # noqa: ARG002 - of this box, whatever the suite
        with contextlib.suppress(TestsFailed):  # whose place is where the column runs
            return f"{self._artefacts.identity()} {program_identity(self._browser.program())}"
        return ""

    def _asked(self, ready: Ready, program: Path, profile: Path) -> Mapping[str, Any]:
        """What `serving.py` is told first."""
        folders = {_mount(path): {"path": str(path), "lasting": path is not FOLDER} for path in ready.folders[:3]}
        return {
            "port": _PORT,
            "folders": {**folders, "run": {"path": str(ready.scratch), "lasting": False}},
            "profile": str(profile),
            "kept": list(self._browser.kept),
            "files": dict(self._browser.files),
            "argv": list(self._browser.argv(program, profile)),
        }

    def _serving(self, suite: Suite, ready: Ready, profile: Path) -> Command:
        environment = {"PATH": SYSTEM_PATH, "HOME": str(profile), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        command = Command((sys.executable, "-I", "-S", str(FOLDER / "serving.py")), environment=environment)
        readable = (*map(str, ready.folders), *interpreter_roots(Path(sys.executable)))
        seen = Confinement(suite.app, writable=(str(profile),), readable=readable, network=suite.network)
        return self._sandbox.confine(command, seen)


@dataclass(frozen=True)
class _Starter:
    """Starts the host of a run, again where one has ended."""

    suite: Suite
    command: Command
    first: Mapping[str, Any] | None

    async def __call__(self) -> Host:
        return await Host.start(self.command, self.first, self.suite.secrets)


def _mount(folder: Path) -> str:
    return "inside" if folder is FOLDER else folder.name


def _addresses(ready: Ready) -> Mapping[str, str]:
    """Of what a session reads, as the page sees it."""
    pyodide, packages = f"/{_mount(ready.distribution.folder)}/", f"/{_mount(ready.packages)}/"
    return {
        "pyodide": pyodide,
        "library": f"{pyodide}library.zip",
        "packages.zip": f"{packages}packages.zip",
        "unpacked.zip": f"{packages}unpacked.zip",
        "suite.zip": "/run/suite.zip",
    }


@contextlib.asynccontextmanager
async def _opened(suite: Suite, plan: Plan, start: _Starter, describe: Any) -> AsyncIterator[PyodideVenue]:
    """With the host on its way: it starts while the caller goes on."""
    cores = len(os.sched_getaffinity(0))
    venue = PyodideVenue(plan, start, describe, sessions=suite.shards or min(cores, _MOST))
    try:
        await venue.begin()
        yield venue
    finally:
        await asyncio.shield(venue.close())


def pyodide_columns(home: Home, runner: ProcessRunner, sandbox: Sandbox) -> tuple[ColumnKind, ...]:
    """In the order in which a report shows them."""
    artefacts = Artefacts(Workshop(home, runner, sandbox, BuildSettings()), home.cache / "pyodide", home.scratch)
    profiles = Profiles(home.cache / "pyodide" / "profiles", home.scratch)
    return (
        BrowserColumn(CHROMIUM, artefacts, sandbox, profiles),
        BrowserColumn(FIREFOX, artefacts, sandbox, profiles),
        NodeColumn(artefacts, sandbox),
    )
