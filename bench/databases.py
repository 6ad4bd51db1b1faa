"""Provision of databases and clones of them, beside PostgreSQL's own ways: `python -m bench.databases [--size MB …]`.

Seconds. One server of Pullet's own, on the box's PostgreSQL where there is one. A clone of each size (one wide table
with three indexes, on the disk) is made from an origin that changed since the last clone (`changed`: dump and restore),
from the same again (`at rest`: a copy to keep is made, and one of its files) and once more (`unchanged`: a copy of
files); `createdb -T` needs an origin without connections, and `pg_dump | psql` is what one does by hand. A pass does
all of these in turn; ratios are to `createdb -T` of the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.services.postgresql.provider import PostgresProvider
from pullet.drivers.services.postgresql.server import ManagedServer
from pullet.drivers.services.postgresql.sql import Connection

SPEC = ServiceSpec("db", ServiceType.POSTGRESQL)
BYTES_A_ROW = 300
TABLE = """
CREATE TABLE article (id bigserial PRIMARY KEY, author int, created timestamptz, title text, body text);
INSERT INTO article (author, created, title, body)
    SELECT i % 1000, now(), 'Title ' || i, repeat(md5(i::text), 6) FROM generate_series(1, {rows}) i;
CREATE INDEX ON article (author);
CREATE INDEX ON article (created);
VACUUM ANALYZE article;
"""


class Bench:
    def __init__(self, root: Path) -> None:
        self.runner = ProcessRunner()
        supervisor = ShimSupervisor(self.runner, cgroups.detect())
        self.provider = PostgresProvider(Home(root), self.runner, supervisor)
        self.server = ManagedServer(Home(root), self.runner, supervisor)

    async def shell(self, script: str, connection: Connection) -> None:
        """By the server's own programs, as people would by hand."""
        path = f"{(await self.server.programs()).bin}:{os.defpath}"
        environment = {**connection.environment, "PATH": path, "PGOPTIONS": ""}
        await self.runner.run(Command(("sh", "-ec", script), environment=environment, timeout=3600))

    async def by_hand(self, script: str) -> float:
        connection = (await self.server.admin()).connection
        await self.shell("dropdb --if-exists byhand; psql -qXc CHECKPOINT", connection)
        return await timed(self.shell(script, connection))


def key(environment: str) -> ServiceKey:
    return ServiceKey(EnvironmentKey("bench", environment), SPEC.name)


async def timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def as_app(grant: Grant) -> Connection:
    given = dict(grant.variables)
    database = given["PGDATABASE"]
    return Connection(given["PGHOST"], int(given["PGPORT"]), given["PGUSER"], given["PGPASSWORD"], database)


async def provisions(bench: Bench) -> None:
    first = await timed(bench.provider.provide(key("first"), SPEC))
    others = [await timed(bench.provider.provide(key(f"n{number}"), SPEC)) for number in range(2, 11)]
    again = [await timed(bench.provider.provide(key("first"), SPEC)) for _ in range(10)]
    print(
        f"first database, with the server {first:.2f}   tenth {others[-1]:.2f} (median of 9 {median(others)})", end=""
    )
    print(f"   nothing to do {median(again)}")


async def clones(bench: Bench, megabytes: int, passes: int) -> None:
    origin = key(f"size{megabytes}")
    grant = await bench.provider.provide(origin, SPEC)
    table = TABLE.format(rows=megabytes * 1_000_000 // BYTES_A_ROW)
    await bench.shell(f"psql -qX <<'END'\n{table}\nEND", as_app(grant))
    (state,) = await bench.provider.observe(origin.environment)
    names = ("createdb -T", "changed", "at rest", "unchanged", "pg_dump | psql")
    took: dict[str, list[float]] = {name: [] for name in names}
    database = as_app(grant).database
    for _ in range(passes):
        await bench.shell("psql -qXc \"UPDATE article SET title = 'new' WHERE id = 1\"", as_app(grant))
        for name in ("changed", "at rest", "unchanged"):
            took[name].append(await timed(bench.provider.clone(origin, key("clone"), SPEC, quiet)))
        took["createdb -T"].append(await bench.by_hand(f"createdb -T {database} byhand"))
        piped = f"createdb byhand; pg_dump {database} | psql -qX byhand >/dev/null"
        took["pg_dump | psql"].append(await bench.by_hand(piped))
    baseline = statistics.median(took["createdb -T"])
    print(f"{state.size >> 20} MB, {passes} passes")
    for name, seconds in took.items():
        ratio = statistics.median(seconds) / baseline
        print(f"  {name:16} {min(seconds):.2f}-{max(seconds):.2f} (median {median(seconds)})   x {ratio:.2f}")


def quiet(_: str, /) -> None:
    """Nobody listens."""


def median(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}"


async def main(sizes: list[int], passes: int) -> None:
    root = Path(tempfile.mkdtemp(prefix="pullet-bench-"))
    root.chmod(0o711)  # noqa: ASYNC240 - before anything runs
    bench = Bench(root)
    try:
        await provisions(bench)
        for megabytes in sizes:
            await clones(bench, megabytes, passes)
    finally:
        await bench.provider.stop()
        shutil.rmtree(root)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=int, nargs="*", default=[100, 1000], help="megabytes")
    arguments.add_argument("--passes", type=int, default=3)
    given = arguments.parse_args()
    asyncio.run(main(given.size, given.passes))
