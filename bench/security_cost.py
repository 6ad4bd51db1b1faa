"""What an assessment costs: a whole project, the same once more, and after a commit of three files.

    python -m bench.security_cost [--project django==5.1.4 | FOLDER] [--runs 5] [--advisories PATH]

The command is `pullet assess` as people run it: its own start, git and the list of files count. `engines` is the part
that a gate waits for as well. Every round begins with nothing remembered, so that ratios are of neighbours in time.
Processor time says more than seconds where the machine has other work. Memory is the most that all processes of the
command held at a time, what they share counted once for each; two engines run at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.box import Watched, machine, spread
from bench.sdists import lines_of, scratch, unpacked
from tests.assessing import committed

_PULLET = Path(sys.executable).with_name("pullet")
_ANSWERS = (0, 1, 3)  # passed, held back, not everything could be assessed


@dataclass(frozen=True)
class Cost:
    seconds: float
    processor: float
    """Seconds of it, of all processes."""
    memory: int
    """Bytes."""
    parts: tuple[tuple[str, float], ...]
    """(engine, seconds), the slowest first."""


class Project:
    """A copy of somebody's files, in git, and a home that remembers."""

    def __init__(self, top: Path, origin: Path, advisories: str) -> None:
        self.tree = top / "tree"
        self.home = top / "home"
        self._answer = top / "answer.json"
        self._options = ("--advisories", advisories) if advisories else ()
        shutil.copytree(origin, self.tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        committed(self.tree)
        self._commits = 0

    def assess(self) -> Cost:
        argv = (_PULLET, "assess", self.tree, *self._options, "--format", "json", "-o", self._answer)
        environment = {**os.environ, "PULLET_HOME": str(self.home)}
        started = time.monotonic()
        process = subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL)
        with Watched(process.pid) as watched:
            process.wait()
            seconds = time.monotonic() - started
        if process.returncode not in _ANSWERS:
            raise SystemExit(f"pullet assess ended with {process.returncode}")
        told = json.loads(self._answer.read_text())["parts"]
        parts = sorted(((part["name"], part["seconds"]) for part in told), key=lambda part: -part[1])
        return Cost(seconds, watched.processor, watched.memory, tuple(parts))

    def forget(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o711)

    def change(self) -> None:
        """Three of its modules, each by a line."""
        modules = sorted(path for path in self.tree.rglob("*.py") if path.stat().st_size > 2000)
        first = self._commits * 3 % (len(modules) - 3)
        self._commits += 1
        for path in modules[first : first + 3]:
            path.write_text(f"{path.read_text('utf-8')}\nMEASURED = {self._commits}\n", "utf-8")
        committed(self.tree)


def measure(origin: Path, runs: int, advisories: str, top: Path) -> None:
    project = Project(top, origin, advisories)
    files = sum(path.is_file() for path in origin.rglob("*"))
    print(f"{origin.name}: {lines_of(project.tree) / 1000:.0f} KLOC of Python, {files} files; {machine()}")
    rounds = []
    for _ in range(runs):
        project.forget()
        whole, again = project.assess(), project.assess()
        project.change()
        rounds.append((whole, again, project.assess()))
    whole_ones, same_ones, changed = zip(*rounds, strict=True)
    show("whole, nothing remembered", whole_ones)
    show("the same once more", same_ones)
    show("after a commit of 3 files", changed)
    ratios = [after.processor / whole.processor for whole, _, after in rounds]
    print(f"processor time after a commit, of that of the whole in the same round: {spread(ratios, 3)}")


def show(what: str, costs: Sequence[Cost]) -> None:
    seconds, processor = [cost.seconds for cost in costs], [cost.processor for cost in costs]
    memory = [cost.memory / (1 << 20) for cost in costs]
    print(f"{what}: {spread(seconds, 2)} s, {spread(processor, 2)} s of processor, {spread(memory)} MB")
    print("   slowest:", ", ".join(f"{name} {took:.2f} s" for name, took in costs[-1].parts[:6]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", default="django==5.1.4", help="a release on the package index, or a folder")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--advisories", default="", help="an advisory database, as a git repository")
    given = parser.parse_args()
    with scratch("pullet-cost-") as top:
        folder = Path(given.project)
        origin = folder.resolve() if folder.is_dir() else unpacked(given.project, top / "sdist")
        measure(origin, given.runs, given.advisories, top)


if __name__ == "__main__":
    main()
