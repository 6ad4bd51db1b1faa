"""What a build costs: `python -m bench.build [--packages "flask gunicorn"]`.

Measured on a home of its own: the first build with an empty cache (the network is part of it) and with a warm one, a
rebuild after a code-only commit, an environment's size, and whether compiling an app's own tree would pay. Without a
sandbox: what that adds to a start is measured with the runtime.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.release import Artifact
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.build.settings import BuildSettings
from pullet.drivers.process import ProcessRunner
from tests.fakes.confinement import Unconfined

SPEC = AppSpec(".", None, Dependencies(DependencyKind.REQUIREMENTS, "requirements.txt"), ())
RUNS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", default="flask gunicorn")
    packages = parser.parse_args().packages.split()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        asyncio.run(builds(Path(folder), packages))
        own_tree(Path(folder))


async def builds(folder: Path, packages: Sequence[str]) -> None:
    home, tree = Home(folder / "home"), folder / "tree"
    tree.mkdir()
    (tree / "requirements.txt").write_text("\n".join(packages))
    started = time.perf_counter()
    first = await build(UvBuilder(home, ProcessRunner(), Unconfined(), BuildSettings(keep_unused=0)), tree, 1)
    report("first build, empty cache", time.perf_counter() - started)
    builder = UvBuilder(home, ProcessRunner(), Unconfined(), BuildSettings(keep_unused=0))
    await build(builder, tree, 1, first)
    await warm(builder, tree)
    times = [await timed(builder, tree, number, first) for number in range(2, 2 + RUNS)]
    report(f"code-only rebuild, median of {RUNS}", statistics.median(times))
    report("code-only rebuild, worst", max(times))
    print(
        f"environment: {size(Path(first.python).parent.parent) / 1e6:.1f} MB, of which linked with the cache: ", end=""
    )
    print(f"{size(Path(first.python).parent.parent, linked=True) / 1e6:.1f} MB")


async def warm(builder: UvBuilder, tree: Path) -> None:
    """Another app, then one that has been resolved before and lost its environment."""
    await builder.discard(frozenset())
    started = time.perf_counter()
    artifact = await build(builder, tree, 1, app="other")
    report("first build, warm cache", time.perf_counter() - started)
    await builder.discard(frozenset())
    report("environment made again, resolution kept", await timed(builder, tree, 1, artifact))


async def timed(builder: UvBuilder, tree: Path, number: int, previous: Artifact) -> float:
    (tree / "app.py").write_text(f"version = {number}\n")
    started = time.perf_counter()
    await build(builder, tree, number, previous)
    return time.perf_counter() - started


async def build(
    builder: UvBuilder, tree: Path, number: int, previous: Artifact | None = None, app: str = "bench"
) -> Artifact:
    release = ReleaseId(EnvironmentKey(app, "production"), number)
    return await builder.build(release, SPEC, tree, previous, list[str]().append)


def size(folder: Path, *, linked: bool = False) -> int:
    statuses = [path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(status.st_blocks * 512 for status in statuses if not linked or status.st_nlink > 1)


def own_tree(folder: Path) -> None:
    """Compiling beforehand against the import that does it anyway."""
    for modules in (5, 50, 200):
        tree = folder / f"own-{modules}"
        for index in range(modules):
            (tree / "shop").mkdir(parents=True, exist_ok=True)
            (tree / f"shop/m{index}.py").write_text(_MODULE)
        everything = "import " + ", ".join(f"shop.m{index}" for index in range(modules))
        first = spent(["-c", everything], tree)
        later = spent(["-c", everything], tree)
        shutil.rmtree(tree / "shop/__pycache__")
        compiled = spent(["-I", "-S", "-m", "compileall", "-q", str(tree)], tree)
        print(
            f"{modules} own modules: first import {first:.0f} ms, later {later:.0f} ms; compiled in {compiled:.0f} ms"
        )


_MODULE = '''
class Order:
    """An order."""

    def __init__(self, customer, lines=()):
        self.customer = customer
        self.lines = [line for line in lines if line]

    def total(self, rate=0.2):
        return sum(line.price * line.amount for line in self.lines) * (1 + rate)
''' + "\n".join(
    f"\ndef view_{n}(request, *, page=1):\n    return {{'page': page, 'n': {n}, 'r': str(request)}}\n"
    for n in range(15)
)


def spent(arguments: Sequence[str], folder: Path) -> float:
    """Milliseconds of one process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, env={"LANG": "C.UTF-8"}, check=True, timeout=60)
    return (time.perf_counter() - started) * 1000


def report(what: str, seconds: float) -> None:
    print(f"{what}: {seconds * 1000:.1f} ms")


if __name__ == "__main__":
    main()
