"""What the advisory database costs: `python -m bench.advisories REPOSITORY [--packages 200] [--rounds 50]`.

REPOSITORY: a clone of PyPA's advisory-database, or its address. An old clone can be measured too: age is not asked.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pullet.domain.home import Home
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.security.advisories import Advisories

_NEVER = 1e9  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository")
    parser.add_argument("--packages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pullet-bench-") as folder:
        asyncio.run(measure(Path(folder), options.repository, options.packages, options.rounds))


async def measure(folder: Path, repository: str, packages: int, rounds: int) -> None:
    source = GitSource(Home(folder / "home"), ProcessRunner())
    advisories = Advisories(folder / "kept", source, repository, time.time, _NEVER)
    begun, cpu = time.perf_counter(), time.process_time()
    state = await advisories.refresh()
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    size = (folder / "kept" / "advisories.sqlite").stat().st_size
    print(f"{state.records} records ({state.unread} unread): fetched and indexed in {wall:.2f} s ({cpu:.2f} s CPU)")
    print(f"index: {size / 1e6:.1f} MB; most memory so far: {_memory():.0f} MB")
    begun = time.perf_counter()
    await advisories.refresh()
    print(f"a poll with nothing new: {(time.perf_counter() - begun) * 1e3:.1f} ms")
    names = _names(folder / "kept" / "advisories.sqlite")
    for count in (1, packages):
        print(f"look-up of {count} packages: {_look_ups(advisories, names[:count], rounds)}")
    print(f"with whether they are fresh: {_states(advisories, rounds)}")
    await source.close()


def _names(index: Path) -> list[str]:
    """Those with the most to say first."""
    database = sqlite3.connect(index)
    try:
        return [name for (name,) in database.execute("SELECT name FROM package ORDER BY length(records) DESC")]
    finally:
        database.close()


def _look_ups(advisories: Advisories, names: Sequence[str], rounds: int) -> str:
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter()
        advisories.look_up(names)
        spent.append(time.perf_counter() - begun)
    return _told(spent)


def _states(advisories: Advisories, rounds: int) -> str:
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter()
        advisories.state()
        spent.append(time.perf_counter() - begun)
    return _told(spent)


def _told(spent: Sequence[float]) -> str:
    return f"{statistics.median(spent) * 1e3:.2f} ms ({min(spent) * 1e3:.2f}-{max(spent) * 1e3:.2f})"


def _memory() -> float:
    """MB of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
