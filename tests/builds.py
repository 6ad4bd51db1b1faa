"""What tests of builders share: a home, an index of small packages, an app's tree."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.release import Artifact
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.build.settings import BuildSettings
from pullet.drivers.process import ProcessRunner
from pullet.ports import Builder
from tests.fakes.builder import FakeBuilder
from tests.fakes.confinement import Unconfined
from tests.packages import wheel

KNOWN = frozenset({"alpha", "beta", "delta"})


@dataclass
class Bench:
    """A home, an index of small packages, an app's tree, and a builder on them."""

    folder: Path
    make: Callable[[Bench], Builder]
    builder: Builder = field(init=False)
    sandbox: Unconfined = field(default_factory=Unconfined)
    log: list[str] = field(default_factory=list)
    settings: BuildSettings = field(init=False)

    def __post_init__(self) -> None:
        for path in (self.index, self.tree):
            path.mkdir()
        wheel(self.index, "alpha", "1.0", requires=("beta",), script=True)
        wheel(self.index, "beta", "1.0")
        wheel(self.index, "delta", "1.0")
        environ = {"PATH": "/usr/bin:/bin", "UV_OFFLINE": "1", "UV_FIND_LINKS": str(self.index)}
        self.settings = BuildSettings(keep_unused=0, time_limit=60, environ=environ)
        self.builder = self.make(self)

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def index(self) -> Path:
        return self.folder / "index"

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def write(self, path: str, text: str) -> None:
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)

    async def build(
        self, spec: AppSpec, number: int = 1, previous: Artifact | None = None, app: str = "shop"
    ) -> Artifact:
        release = ReleaseId(EnvironmentKey(app, "production"), number)
        return await self.builder.build(release, spec, self.tree, previous, self.log.append)

    def environments(self) -> set[str]:
        return {path.name for path in self.home.pythons.iterdir()} if self.home.pythons.exists() else set()


def of_uv(bench: Bench) -> Builder:
    return UvBuilder(bench.home, ProcessRunner(), bench.sandbox, bench.settings)


def of_fake(bench: Bench) -> Builder:
    return FakeBuilder(bench.home, KNOWN)


def requirements(text: str, bench: Bench, *commands: str) -> AppSpec:
    bench.write("requirements.txt", text)
    dependencies = Dependencies(DependencyKind.REQUIREMENTS, "requirements.txt")
    return AppSpec(".", None, dependencies, (), build_commands=commands)


def imported(artifact: Artifact, module: str) -> str:
    answer = subprocess.run(
        [artifact.python, "-c", f"import {module}; print({module}.VERSION)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return answer.stdout.strip()


def run(*argv: str | Path) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout


def text_of(path: str) -> str:
    return Path(path).read_text()


def garbage(bench: Bench) -> list[Path]:
    """What a build has not cleaned up, or has not yet."""
    folders = (bench.home.pythons, bench.home.cache / "scratch")
    return [path for folder in folders if folder.exists() for path in folder.glob(".*")]


async def appears(path: Path) -> None:
    async with asyncio.timeout(30):
        while not path.exists():
            await asyncio.sleep(0.02)
