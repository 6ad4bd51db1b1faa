"""Building what Node makes of an app's sources: packages installed by the lock, then the script, all of it confined.

Packages are kept for the app's next build with the same lock: node_modules is renamed into the tree, and out of it at
the end, so that no release carries it. A kill in between leaves it in a tree that is built anew.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.domain.app import AppSpec
from pullet.domain.assets import Assets, Manager
from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed
from pullet.drivers.build.explain_node import node_failure
from pullet.drivers.build.inputs import TreeFiles
from pullet.drivers.build.locks import digest
from pullet.drivers.build.node import Toolchain, Toolchains, npm_settings
from pullet.drivers.build.settings import npm_environment
from pullet.drivers.build.workshop import Job, Workshop

_MODULES = "node_modules"
_KEPT = 3  # node_modules of an app: of two branches, and of an older lock
_RUNS_NODE = re.compile(r"(?:^|[\s;&|/(])(node|npm|npx|pnpm|yarn)(?=\s|$)")
_NO_DOWNLOADS = {
    # what packages fetch for tests and editors is not for building
    "CYPRESS_INSTALL_BINARY": "0", "PUPPETEER_SKIP_DOWNLOAD": "1", "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
    "HUSKY": "0", "CI": "1", "ADBLOCK": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """One folder with a package.json, and what it is built with."""

    assets: Assets
    folder: Path
    tools: Toolchain
    settings: Mapping[str, str]
    """Variables from the box for npm and its like."""
    cache: Path
    """What they fetched; the app's own."""
    kept: Path | None = None
    """Where its packages are between builds; None: they are installed anew from what was fetched."""
    brought: bool = False
    """They have been, and are in the tree now."""
    shown_as: tuple[tuple[str, str], ...] = ()
    """Another place at which the commands see the tree."""
    committed: bool = False
    """The repository has packages of its own there, which its pages may name."""

    @property
    def readable(self) -> tuple[Path, ...]:
        return self.tools.folders

    def at_hand(self, command: Command) -> Command:
        """The command with Node and the packages' programs on its PATH."""
        path = f"{self.folder / _MODULES / '.bin'}:{self.tools.path}:{command.environment['PATH']}"
        environment = {**self.settings, "NODE_ENV": "production", **command.environment, "PATH": path}
        return Command(command.argv, command.cwd, environment, secrets=command.secrets)


class AssetBuilder:
    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._toolchains = Toolchains(workshop)

    @property
    def own(self) -> dict[str, str]:
        """What of the box's settings may name places that a build has to read."""
        return npm_environment(self._workshop.settings.environ)

    @asynccontextmanager
    async def prepared(self, job: Job, spec: AppSpec, tree: Path) -> AsyncIterator[list[Site]]:
        """The sites of an app with the packages that are kept of an earlier build; they are taken out at the end, and
        kept for the next where all went well. Raises BuildFailed, DiskFull."""
        sites = [await self._site(job, spec, tree, one) for one in spec.assets]
        if any(_RUNS_NODE.search(process.command) for process in spec.processes):
            yield sites
            return
        sites = [replace(site, brought=await asyncio.to_thread(_bring, site)) for site in sites]
        passing = [site for site in sites if not site.committed]
        try:
            yield sites
        except BaseException:
            for site in passing:
                await asyncio.to_thread(_remove, site.folder, tree)
            raise
        for site in passing:
            await asyncio.to_thread(_take, site, tree)

    async def build(self, job: Job, site: Site, plain: Command, writable: tuple[Path, ...]) -> None:
        """Install the packages of one site and run its commands. `plain`: the surroundings of a build command."""
        if not site.assets.commands:
            return
        job.log(f"Assets in {site.assets.folder}: Node {site.tools.version}, {site.assets.manager}")
        allowed = (*writable, site.cache)
        environment = {**plain.environment, **_NO_DOWNLOADS, "NODE_ENV": "development"}
        install = Command(("/bin/sh", "-ec", _install(site)), site.folder, environment, secrets=plain.secrets)
        if not site.brought:
            job.log(f"$ {_install(site)}")
            await self._run(job, site, install, allowed, "Could not install the packages of package.json")
        for line in site.assets.commands:
            job.log(f"$ {line}")
            command = Command(("/bin/sh", "-ec", line), site.folder, plain.environment, secrets=plain.secrets)
            await self._run(job, site, command, allowed, f"The assets could not be built: `{line}` failed")

    async def _run(self, job: Job, site: Site, command: Command, writable: tuple[Path, ...], what: str) -> None:
        try:
            await self._workshop.confined(job, site.at_hand(command), writable, self.own, site.readable, site.shown_as)
        except CommandFailed as err:
            raise node_failure(err.output, what) from err

    async def _site(self, job: Job, spec: AppSpec, tree: Path, assets: Assets) -> Site:
        files = TreeFiles(tree)
        files.read(_inside(spec, assets, "package.json"))
        head = files.read(posixpath.normpath(posixpath.join(spec.root, assets.lock)))[:400] if assets.lock else ""
        tools = await self._toolchains.ensure(job, assets, head)
        cache = self._cache(job.app)
        settings = npm_settings(self._workshop.settings.environ, cache, assets.manager)
        folder = Path(posixpath.normpath(tree / spec.root / assets.folder))
        site = Site(assets, folder, tools, settings, cache, shown_as=self._shown_as(tree, assets))
        site = replace(site, committed=_has_modules(folder))
        # pnpm's and newer yarns' packages know where they lie, and come from a store of their own in no time.
        movable = assets.commands and assets.manager is not Manager.PNPM and not tools.berry
        return replace(site, kept=self._place(job, spec, tree, site)) if movable else site

    def _cache(self, app: str) -> Path:
        cache = self._workshop.home.cache / "apps" / app / "node"
        if not cache.is_dir():
            cache.mkdir(parents=True, exist_ok=True)
            self._workshop.sandbox.hand_over(cache, app)
        return cache

    def _shown_as(self, tree: Path, assets: Assets) -> tuple[tuple[str, str], ...]:
        """Not where Pullet itself lies below that place: it would have to be seen there."""
        at = assets.seen_at
        return ((str(tree), at),) if at and not self._workshop.home.root.is_relative_to(at) else ()

    def _place(self, job: Job, spec: AppSpec, tree: Path, site: Site) -> Path:
        """Where the packages are kept: the same package.json, lock and tools, the same folder."""
        files, assets = TreeFiles(tree), site.assets
        texts = [files.read(_inside(spec, assets, "package.json"))]
        texts += [files.read(posixpath.normpath(posixpath.join(spec.root, assets.lock)))] if assets.lock else []
        npmrc = _inside(spec, assets, ".npmrc")
        texts += [files.read(npmrc)] if files.exists(npmrc) else []
        tools = [str(path) for path in site.tools.folders]
        name = digest("node_modules", assets.folder, *tools, *texts)
        return self._workshop.home.cache / "apps" / job.app / _MODULES / name


def _inside(spec: AppSpec, assets: Assets, name: str) -> str:
    return posixpath.normpath(posixpath.join(spec.root, assets.folder, name))


def _install(site: Site) -> str:
    """The line that installs exactly what the lock names; without a lock, what is newest."""
    locked = bool(site.assets.lock)
    if site.assets.manager is Manager.NPM:
        return f"npm {'ci' if locked else 'install --no-package-lock'} --include=dev --no-audit --no-fund"
    if site.assets.manager is Manager.PNPM:
        return f"pnpm install --{'' if locked else 'no-'}frozen-lockfile --prod=false"
    if site.tools.berry:
        return f"yarn install --{'' if locked else 'no-'}immutable"
    # Named outright: a .yarnrc that is made for an image may lead to a folder of that image.
    options = f"--non-interactive --production=false --modules-folder {_MODULES}"
    return f"yarn install {options} --{'frozen-lockfile' if locked else 'no-lockfile'}"


def _has_modules(folder: Path) -> bool:
    return os.path.lexists(folder / _MODULES)


def _bring(site: Site) -> bool:
    """Into the tree. What a repository commits under that name stays: the installer knows what to do with it."""
    if site.kept is None or not site.kept.is_dir() or _has_modules(site.folder):
        return False
    site.kept.rename(site.folder / _MODULES)
    return True


def _take(site: Site, tree: Path) -> None:
    """Out of the tree, under the name that says what they are; of others the oldest are dropped."""
    source = site.folder / _MODULES
    # The packages of a workspace lie in several folders: all would have to be kept, or none.
    several = next(site.folder.glob(f"*/{_MODULES}"), None) is not None
    if site.kept is None or site.kept.exists() or several or not _is_own(source, tree):
        return _remove(site.folder, tree)
    site.kept.parent.mkdir(parents=True, exist_ok=True)
    os.utime(source)
    source.rename(site.kept)
    others = sorted(site.kept.parent.iterdir(), key=lambda path: path.lstat().st_mtime)
    for path in others[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)
    return None


def _remove(folder: Path, tree: Path) -> None:
    for path in (folder / _MODULES, *folder.glob(f"*/{_MODULES}"), *folder.glob(f"*/*/{_MODULES}")):
        if _is_own(path, tree):
            shutil.rmtree(path, ignore_errors=True)


def _is_own(path: Path, tree: Path) -> bool:
    """A folder of the tree itself: the app could have put a link in its place, or above it."""
    return path.is_dir() and path.resolve() == tree.resolve() / path.relative_to(tree)
