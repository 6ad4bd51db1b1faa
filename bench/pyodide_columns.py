"""Whole suites in Pyodide: seconds until the first test and altogether, against CPython on the same box.

    python -m bench.pyodide_columns SDIST… [--columns chromium,node] [--runs 5] [--leave-out FILE…]

SDIST: a package's source archive that has its tests, e.g. of itsdangerous, markupsafe or jinja2. What a package needs
is named by `--lock name==version`. Each figure is the median and the range of the runs after the first, whose artefacts
are new; the first is shown apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.box import Watched
from pullet.domain.home import Home
from pullet.domain.testing import Column
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.testing.conductor import run_column
from pullet.drivers.testing.cpython import CPython
from pullet.drivers.testing.pyodide.columns import pyodide_columns
from pullet.ports import ColumnKind, Suite


@dataclass(frozen=True)
class Figures:
    first: tuple[float, ...]
    whole: tuple[float, ...]

    def line(self) -> str:
        return f"first test {_spread(self.first)}, whole {_spread(self.whole)}"


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}-{max(seconds):.2f})"


def _quiet(line: str) -> None:
    """Nobody reads a log of a measurement."""


def _unpacked(archive: Path, folder: Path, left_out: Sequence[str]) -> Path:
    with tarfile.open(archive) as source:
        source.extractall(folder, filter="data")
    top = next(path for path in folder.iterdir() if path.is_dir())
    for name in left_out:
        (top / name).unlink(missing_ok=True)
    return top


async def measure(kind: ColumnKind, suite: Suite, runs: int) -> tuple[Column, Figures]:
    first = await run_column(kind, suite, _quiet)
    print(f"  {kind.name}: new artefacts: first test {first.first:.2f} s, whole {first.duration:.2f} s", flush=True)
    if first.trouble:
        print(f"  {first.trouble}\n  {first.hint}")
    with Watched(os.getpid()) as watched:
        again = [await run_column(kind, suite, _quiet) for _ in range(runs)]
    print(f"  {kind.name}: {watched.memory >> 20} MB at most, of all its processes", flush=True)
    return first, Figures(tuple(each.first for each in again), tuple(each.duration for each in again))


async def run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.scratch, prefix="pullet-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # noqa: ASYNC240 - one system call
        home, runner = Home(options.home or folder / "home"), ProcessRunner()
        sandbox = await detect_sandbox(home, runner)
        kinds = {kind.name: kind for kind in pyodide_columns(home, runner, sandbox)}
        kinds["cpython"] = CPython(runner, sandbox, home.scratch)
        for archive in options.archives:
            top = _unpacked(archive, folder / archive.name, options.leave_out)
            (folder / archive.name).chmod(0o711)
            sandbox.hand_over(top, "bench")
            source = (str(top / "src"),) if (top / "src").is_dir() else (str(top),)
            suite = Suite("bench", top, python=options.python, python_path=source, lock=tuple(options.lock))
            suite = replace(suite, shards=options.shards)
            print(archive.name, flush=True)
            base = 0.0
            for column in ("cpython", *options.columns.split(",")):
                found, figures = await measure(kinds[column], suite, options.runs)
                base = base or statistics.median(figures.whole)
                ends = dict(Counter(str(result.status) for result in found.results))
                ratio = statistics.median(figures.whole) / base
                print(f"  {column}: {figures.line()}, {ratio:.1f} times CPython; {ends}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--columns", default="chromium,firefox,node")
    parser.add_argument("--shards", type=int, default=0, help="interpreters side by side; 0: as many as pay")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="for the CPython column")
    parser.add_argument("--lock", nargs="*", default=[])
    parser.add_argument("--leave-out", nargs="*", default=[], help="files below the package's top")
    parser.add_argument("--home", type=Path, help="to keep the artefacts between measurements")
    parser.add_argument("--scratch", default="/tmp")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
