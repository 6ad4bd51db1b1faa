"""What a poll, a fetch and a check-out cost: `python -m bench.polling [--repositories 1000] [--rounds 5]`.

Paths: one round over all repositories with nothing changed. Smart HTTP: polls of git http-backend on loopback, whose
time is in the answer but not in the CPU figure. `git ls-remote` does the same for comparison, its child's CPU included.
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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from tests.git_world import Repository, run

_SETTLED = 2.1  # seconds after which pathpoll trusts the time stamps of a repository


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pullet-bench-") as folder:
        asyncio.run(measure(Path(folder), options.repositories, options.rounds))


async def measure(folder: Path, count: int, rounds: int) -> None:
    source = GitSource(Home(folder / "home"), ProcessRunner())
    model = Repository(folder / "srv" / "model.git")
    model.commit({f"pkg{number % 5}/m{number}.py": f"x = {number}\n" * 200 for number in range(40)})
    paths = copies(model, folder / "many", count)
    await polls_of_paths(source, paths, rounds)
    ls_remote(str(model.path), rounds * 4)
    await polls_over_http(source, folder, rounds * 20)
    await one_commit(source, model, folder, rounds * 10)
    await source.close()


def copies(model: Repository, folder: Path, count: int) -> list[SourceSpec]:
    for number in range(count):
        shutil.copytree(model.path / "refs", folder / f"{number}" / "refs")
        (folder / f"{number}" / "objects").symlink_to(model.path / "objects")
        for name in ("HEAD", "config"):
            shutil.copy(model.path / name, folder / f"{number}" / name)
    return [SourceSpec(str(folder / f"{number}")) for number in range(count)]


async def polls_of_paths(source: GitSource, specs: list[SourceSpec], rounds: int) -> None:
    await asyncio.sleep(_SETTLED)

    async def one_round() -> None:
        for spec in specs:
            await source.poll(spec)

    await one_round()
    await report(f"{len(specs)} path repositories, nothing changed: one round", one_round, rounds, per=len(specs))


async def polls_over_http(source: GitSource, folder: Path, polls: int) -> None:
    with server_process(folder / "srv") as base:
        url = f"{base}/model.git"
        await source.poll(SourceSpec(url))
        await report("smart HTTP, kept connection", lambda: source.poll(SourceSpec(url)), polls)
        ls_remote(url, polls // 5)


@contextmanager
def server_process(root: Path) -> Iterator[str]:
    argv = (sys.executable, "-m", "tests.git_servers", str(root))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def ls_remote(url: str, rounds: int) -> None:
    times, before = [], cpu()
    for _ in range(rounds):
        started = time.perf_counter()
        run("ls-remote", url)
        times.append(time.perf_counter() - started)
    show(f"git ls-remote of {'a path' if url.startswith('/') else 'the same'}", times, (cpu() - before) / rounds)


async def one_commit(source: GitSource, model: Repository, folder: Path, rounds: int) -> None:
    spec = SourceSpec(str(model.path))
    times: dict[str, list[float]] = {"poll": [], "fetch": [], "check out": [], "drift": []}
    for number in range(rounds):
        sha = model.commit({f"pkg{n % 5}/m{n}.py": f"x = {n + number * (n == 7)}\n" * 200 for n in range(40)})
        tree = folder / "home" / "releases" / f"{number}" / "tree"
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "poll": lambda: source.poll(spec),
            "fetch": lambda sha=sha: source.fetch(spec, sha),  # type: ignore[misc]
            "check out": lambda sha=sha, tree=tree: source.check_out(spec, sha, tree),  # type: ignore[misc]
            "drift": lambda tree=tree: source.changed_files(tree),  # type: ignore[misc]
        }
        for name, step in steps.items():
            started = time.perf_counter()
            await step()
            times[name].append(time.perf_counter() - started)
    for name, seconds in times.items():
        show(f"one-file commit in 40 files: {name}", seconds)


async def report(what: str, action: Callable[[], Awaitable[object]], rounds: int, per: int = 1) -> None:
    times, before = [], cpu()
    for _ in range(rounds):
        started = time.perf_counter()
        await action()
        times.append(time.perf_counter() - started)
    show(what, times, (cpu() - before) / rounds, per)


def show(what: str, times: list[float], cpu_each: float | None = None, per: int = 1) -> None:
    line = f"{what}: median {statistics.median(times) * 1000:.2f} ms, worst {max(times) * 1000:.2f} ms"
    if cpu_each is not None:
        line += f", CPU {cpu_each * 1000:.2f} ms"
    if per > 1 and cpu_each is not None:
        line += f" ({cpu_each / per * 1e6:.1f} µs each)"
    print(line)


def cpu() -> float:
    """Seconds of this process and of its finished children."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
