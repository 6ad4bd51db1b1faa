"""Throughput of save and restore: `python -m bench.backups [--size MB]`.

Half of the data is random, half is text that compresses. The first save stores all of it, the second finds it there;
the third has 1 % changed. MB/s of what the folder holds, to a folder on the same disk, new key and home.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from pullet.domain.backup import BackupManifest
from pullet.domain.home import Home
from pullet.drivers.backups import ResticBackups, find_restic
from pullet.drivers.process import ProcessRunner

PART = 8 << 20  # bytes a file
MANIFEST = BackupManifest("bench", (), "", "bench")


def fill(folder: Path, megabytes: int) -> None:
    folder.mkdir()
    for number in range(max(1, (megabytes << 20) // PART)):
        rows = (f"{number},{line},{os.urandom(8).hex()},shop,paid\n" for line in range(PART // 36))
        data = os.urandom(PART) if number % 2 else "".join(rows).encode()[:PART].ljust(PART)
        (folder / f"{number:04}").write_bytes(data)


def change(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("r+b") as file:
            file.write(os.urandom(PART // 100))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def measure(what: str, megabytes: int, act: Awaitable[object], repository: Path) -> None:
    began = time.perf_counter()
    await act
    took = time.perf_counter() - began
    held = await asyncio.to_thread(size_of, repository) >> 20
    print(f"{what:34} {took:6.2f} s {megabytes / took:7.1f} MB/s   repository {held} MB")


async def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="pullet-bench-") as name:
        home, folder, repository = Home(Path(name, "home")), Path(name, "data"), Path(name, "kept")
        await asyncio.to_thread(repository.mkdir)
        await asyncio.to_thread(fill, folder, megabytes)
        await find_restic(home.tools, ProcessRunner())
        backups = ResticBackups(home, ProcessRunner(), str(repository), "a key of the benchmark")
        await measure("first save", megabytes, backups.save(folder, MANIFEST), repository)
        await measure("second save, nothing changed", megabytes, backups.save(folder, MANIFEST), repository)
        await asyncio.to_thread(change, folder)
        await measure("third save, 1 % of each file changed", megabytes, backups.save(folder, MANIFEST), repository)
        newest = (await backups.list())[-1].id
        for run in ("first", "second"):
            await measure(f"{run} restore", megabytes, backups.restore(newest, Path(name, run)), repository)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="MB of data")
    asyncio.run(main(parser.parse_args().size))
