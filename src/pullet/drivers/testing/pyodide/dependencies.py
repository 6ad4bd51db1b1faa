"""What an app's lock names, for Pyodide: two archives of bytecode, made once for a lock.

Versions and wheels are found, and packages without a fitting wheel built without a compiler, in the sandbox as the
app's user, as that may run foreign code. Wheels are installed by Pullet itself, which runs none. Bytecode is compiled
by Pyodide in the sandbox. Everything is kept by app: what one app's packages made, no other app gets.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from pullet.analysis.testing.wheels import Offer, as_pure, chain, fitting_tags, needed_by, offers
from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, TestsFailed
from pullet.drivers.build.settings import local_places
from pullet.drivers.build.workshop import Workshop
from pullet.drivers.confinement import Confinement
from pullet.drivers.installed import modules_of
from pullet.drivers.listing import below, inside
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.testing.inside import FOLDER as PLUGIN
from pullet.drivers.testing.pyodide.distribution import Distribution, compiling
from pullet.drivers.testing.pyodide.inside import FOLDER, IMPORTED
from pullet.drivers.testing.pyodide.tools import Node
from pullet.ports import LogSink, Suite

LEFT_OUT = frozenset(
    {"pip", "uv", "pytest-xdist", "execnet", "pytest-cov", "coverage", "pytest-timeout", "pytest-asyncio"}
)
"""Work with processes, threads or signals that Pyodide has not; pytest's own talk with Pullet does their work."""
_WITHOUT_COMPILER: Mapping[str, str] = {
    "CC": "/bin/false",
    "CXX": "/bin/false",
    # What packages whose C part is optional ask for to leave it out; most find out by themselves.
    **dict.fromkeys(
        (f"{name}_NO_EXTENSIONS" for name in ("AIOHTTP", "FROZENLIST", "MULTIDICT", "PROPCACHE", "YARL")), "1"
    ),
    "DISABLE_SQLALCHEMY_CEXT": "1",
}
_ARCHIVES = ("packages.zip", "unpacked.zip")
_PLATFORM = "wasm32-pyodide2025"  # what uv calls it; only the markers of what packages need are judged by that
_SECONDS = 600.0
_KEPT = 4  # sets of archives an app
_OUTPUT = 32 << 20
_NATIVE = (".so", ".pyd", ".dylib")


@dataclass(frozen=True)
class _Work:
    """One lock on its way."""

    suite: Suite
    node: Node
    distribution: Distribution
    scratch: Path
    log: LogSink
    left_out: dict[str, str] = field(default_factory=dict)
    """Module -> why it is not there."""


class Dependencies:
    def __init__(self, workshop: Workshop, folder: Path) -> None:
        """`folder`: of Pullet's own."""
        self._workshop = workshop
        self._folder = folder
        self._lock = asyncio.Lock()

    async def ensure(
        self, suite: Suite, own: Iterable[str], node: Node, distribution: Distribution, log: LogSink
    ) -> Path:
        """The folder of `packages.zip` and `unpacked.zip`. `own`: names that are not to be fetched: the suite's
        own, and what it does not want in a browser.

        What has no build for Pyodide is left out; whoever imports it is told so, and what needs it. Raises TestsFailed.
        """
        pins = wanted(suite.lock, own)
        final = self._folder / suite.app / f"packages-{_digest(pins, distribution)}"
        async with self._lock:
            if not final.is_dir():
                log(f"preparing {len(pins)} packages for Pyodide")
                async with self._workshop.scratch() as scratch, self._workshop.folder(final.parent) as target:
                    scratch.chmod(0o711)
                    work = _Work(suite, node, distribution, scratch, log)
                    await self._make(work, pins, target)
                    target.rename(final)
                    await asyncio.to_thread(_forget, final.parent)
        return final

    async def _make(self, work: _Work, pins: Sequence[str], target: Path) -> None:
        installed = _made(work.scratch / "installed")
        found = await self._choose(work, pins)
        await self._install(work, [offer for offer in found if offer.wheel], installed)
        for offer in found:
            if offer.wheel is None:
                await self._build(work, offer, installed)
        await asyncio.to_thread(_add_own, installed)
        (installed / "pullet_left_out.py").write_text(f"LEFT_OUT = {work.left_out!r}\n", "utf-8")
        await self._compile(work, installed, target)

    async def _choose(self, work: _Work, pins: Sequence[str]) -> list[Offer]:
        """Everything that has to be there; each has a wheel or a source. Raises TestsFailed."""
        folder = self._handed_over(work, "choosing")
        await self._write_pins(work, pins, folder)
        argv = ["compile", "--universal", "--no-deps", "--no-header", "--format", "pylock.toml"]
        argv += [
            "--python-version",
            _minor(work.distribution),
            "--output-file",
            "pylock.toml",
            "--python",
            sys.executable,
            "lock.in",
        ]
        await self._confined(work, argv, folder, "Could not find out what there is of the app's packages")
        lock = tomllib.loads((folder / "pylock.toml").read_text("utf-8"))
        tags = fitting_tags(work.distribution.python, work.distribution.abi)
        found = list(offers(lock, tags))
        builds = [offer for offer in found if offer.wheel or (offer.source and not offer.program)]
        for offer in found:
            if offer not in builds:
                await self._leave_out(work, offer)
        return builds

    async def _write_pins(self, work: _Work, pins: Sequence[str], folder: Path) -> None:
        """With pytest and what it needs, where the app's lock has none."""
        _write(folder / "lock.in", pins)
        if not any(pin.startswith("pytest==") for pin in pins):
            _write(folder / "pytest.in", ["pytest"])
            argv = [
                "compile",
                "--no-header",
                "--no-annotate",
                "--python-platform",
                _PLATFORM,
                "--constraint",
                "lock.in",
            ]
            argv += ["--python-version", _minor(work.distribution), "--python", sys.executable, "pytest.in"]
            added = await self._confined(work, argv, folder, "Could not find a pytest that suits the app's packages")
            _write(folder / "lock.in", dict.fromkeys((*pins, *added.splitlines())))

    async def _leave_out(self, work: _Work, offer: Offer, why: str = "") -> None:
        """Servers and drivers of databases are of no use in a page: whatever imports one is told why it is not there,
        and everything else is tested."""
        needs = await self._needs(work, _PLATFORM)
        told = _no_build(offer, chain(offer.name, needs))
        work.log(f"{told}, and is left out" + (f" ({why.strip().splitlines()[-1][:200]})" if why.strip() else ""))
        found = await asyncio.to_thread(modules_of, work.suite.python, offer.name) if work.suite.python else ()
        work.left_out.update(dict.fromkeys(found or (offer.name.replace("-", "_"),), told))

    async def _needs(self, work: _Work, platform: str) -> Mapping[str, tuple[str, ...]]:
        """What needs each package on that platform; empty where that cannot be found out."""
        argv = ["compile", "--no-header", "--annotation-style", "line", "--python-platform", platform]
        argv += ["--python-version", _minor(work.distribution), "--python", sys.executable, "lock.in"]
        try:
            return needed_by(await self._confined(work, argv, work.scratch / "choosing", ""))
        except TestsFailed:
            return {}

    async def _install(self, work: _Work, found: Sequence[Offer], target: Path) -> None:
        """Wheels only: nothing of them is run. With a cache of its own, as the names of some are not theirs."""
        if not found:
            return
        lock = work.scratch / "pylock.toml"
        lock.write_text(as_pure(found))
        uv = replace(self._workshop.uv, cache=self._folder / "uv")
        argv = ["install", "--target", str(target), "--no-deps", "--no-build", "--link-mode", "copy"]
        argv += ["--python", sys.executable, "-r", str(lock)]
        await self._run(uv.pip(argv, work.scratch), "Could not fetch the app's packages")

    async def _build(self, work: _Work, offer: Offer, target: Path) -> None:
        """From source, without a compiler: the C part of many is optional. Raises TestsFailed."""
        folder = self._handed_over(work, f"built-{offer.name}")
        argv = ["install", "--target", str(folder), "--no-deps", "--no-binary", offer.name, "--python"]
        argv += [sys.executable, f"{offer.name}=={offer.version}"]
        try:
            await self._confined(work, argv, folder, f"{offer.name} cannot be built for Pyodide")
            if await asyncio.to_thread(_has_machine_code, folder):
                raise TestsFailed("it has machine code")
        except TestsFailed as err:
            await self._leave_out(work, offer, err.context or "")
            return
        work.log(f"{offer.name} {offer.version} was built from source without its C part")
        await asyncio.to_thread(shutil.copytree, folder, target, symlinks=True, dirs_exist_ok=True)

    async def _compile(self, work: _Work, installed: Path, target: Path) -> None:
        out = self._handed_over(work, "out")
        readable = (*work.node.roots, str(work.distribution.folder), str(FOLDER), str(installed))
        seen = Confinement(work.suite.app, writable=(str(out),), readable=readable, network=False)
        command = compiling(work.node, work.distribution.folder, out, installed)
        await self._run(self._workshop.sandbox.confine(command, seen), "Could not compile the app's packages")
        for name in _ARCHIVES:
            await asyncio.to_thread(_take, out / name, target / name)

    def _handed_over(self, work: _Work, name: str) -> Path:
        """A new folder of the app's user."""
        folder = _made(work.scratch / name)
        self._workshop.sandbox.hand_over(folder, work.suite.app)
        return folder

    async def _confined(self, work: _Work, argv: Sequence[str], folder: Path, what: str) -> str:
        """What uv says, run as the app's user."""
        uv = self._workshop.foreign_uv(work.suite.app, folder)
        command = uv.pip(argv, folder)
        own = command.environment
        command = replace(command, environment={**own, **_WITHOUT_COMPILER})
        seen = Confinement(
            work.suite.app,
            writable=(str(folder), str(uv.cache)),
            readable=(uv.binary, *interpreter_roots(Path(sys.executable)), *local_places(own)),
            memory=self._workshop.settings.memory,
            processes=self._workshop.settings.processes,
        )
        return await self._run(self._workshop.sandbox.confine(command, seen), what)

    async def _run(self, command: Command, what: str) -> str:
        try:
            done = await self._workshop.runner.run(replace(command, timeout=_SECONDS, output_limit=_OUTPUT))
        except CommandFailed as err:
            hint = "Name other versions in the app's lock, or leave the column out."
            raise TestsFailed(f"{what}{_reason(err.output)}", context=err.output[-2000:], hint=hint) from err
        return done.text


def wanted(lock: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
    """Of the app's lock what Pyodide gets: without what is the app itself."""
    left_out = LEFT_OUT | {canonicalize_name(name) for name in own}
    pins = {canonicalize_name(line.partition("==")[0]): line for line in lock}
    kept = {name: line for name, line in pins.items() if name not in left_out}
    return tuple(sorted(kept.values()))


def _no_build(offer: Offer, way: Sequence[str]) -> str:
    asked = " ← ".join(f"{name} needs it" for name in way[1:])
    return f"{offer.name} {offer.version} has no build for Pyodide" + (f": {asked}" if asked else "")


def _reason(output: str) -> str:
    """What uv says first of why there is no solution."""
    found = re.search(
        r"^\s*(?:cause|├─▶|╰─▶):? (?:Because )?(.{1,300}?)(?:\.$| and you require|, we can conclude)",
        output,
        re.MULTILINE,
    )
    return f": {found[1]}" if found else ""


def _minor(distribution: Distribution) -> str:
    return ".".join(distribution.python.split(".")[:2])


def _digest(pins: Sequence[str], distribution: Distribution) -> str:
    whole = hashlib.sha256("\n".join((distribution.version, sys.version, *pins)).encode())
    for path in (FOLDER / "pullet_compile.py", *_own_modules()):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:24]


def _own_modules() -> tuple[Path, ...]:
    return (*(FOLDER / name for name in IMPORTED), Path(PLUGIN) / "pullet_pytest.py")


def _made(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def _add_own(installed: Path) -> None:
    for path in _own_modules():
        shutil.copyfile(path, installed / path.name)


def _has_machine_code(folder: Path) -> bool:
    return any(path.name.endswith(_NATIVE) for levels in range(1, 6) for path in below(folder, levels))


def _take(made: Path, to: Path) -> None:
    """A copy of Pullet's own: the app's user could still write to the one that it made."""
    if made.is_symlink() or not made.is_file():
        raise TestsFailed(f"Could not compile the app's packages: there is no {made.name}")
    shutil.copyfile(made, to)


def _forget(folder: Path) -> None:
    """The oldest sets of archives."""
    sets = [path for path in inside([folder]) if path.name.startswith("packages-")]
    for old in sorted(sets, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
