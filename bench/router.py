"""What the router costs, and that a switch costs nothing.

    python -m bench.router [--rounds 5] [--seconds 3] [--switches 20]

One run, direct and routed alternating (with a direct/direct control, which shows how far two equal things differ here):
requests a second with 16 connections, and p50 at a fixed open-loop rate. Then switches under load.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from bench.load import Load, Report, run, saturate
from tests.contract.routing import Bench, bench

HOST = "shop.localhost"
_CONNECTIONS = 16


async def application(
    scope: dict[str, object],
    receive: Callable[[], Awaitable[dict[str, object]]],
    send: Callable[[dict[str, object]], Awaitable[None]],
) -> None:
    """A small ASGI app that uvicorn serves."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b"hello " + b"." * 1000
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def uvicorn(socket: Path) -> Iterator[None]:
    argv = [sys.executable, "-m", "uvicorn", "bench.router:application", "--uds", str(socket)]
    argv += ["--no-access-log", "--log-level", "warning"]
    with subprocess.Popen(argv) as server:
        try:
            while not socket.exists():
                time.sleep(0.02)
            yield
        finally:
            server.terminate()


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def cost(real: Bench, socket: str, rounds: int, seconds: float) -> dict[str, object]:
    ways: dict[str, tuple[str, int] | str] = {"direct": socket, "routed": ("127.0.0.1", real.port), "control": socket}
    capacity: dict[str, list[float]] = {way: [] for way in ways}
    p50: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, address in ways.items():
            capacity[way].append(saturate(Load(address, HOST, seconds=seconds), _CONNECTIONS))
            report = run(Load(address, HOST, rate=200, seconds=seconds))
            assert not report.failed, report.summary()
            p50[way].append(1000 * report.quantile(0.5))
    pairs = list(zip(capacity["routed"], capacity["direct"], strict=True))
    control = list(zip(capacity["control"], capacity["direct"], strict=True))
    return {
        "requests_per_second": {way: spread(values) for way, values in capacity.items()},
        "routed_to_direct": spread([routed / direct for routed, direct in pairs]),
        "control_to_direct": spread([again / direct for again, direct in control]),
        "p50_ms": {way: spread(values) for way, values in p50.items()},
        "added_p50_ms": spread([routed - direct for routed, direct in zip(p50["routed"], p50["direct"], strict=True)]),
    }


async def switches(real: Bench, sockets: Sequence[str], count: int, *, rate: float, keep_alive: bool) -> Report:
    load = Load(("127.0.0.1", real.port), HOST, rate=rate, seconds=count * 0.4, post_share=0.2, keep_alive=keep_alive)
    loading = asyncio.create_task(asyncio.to_thread(run, load), name="load")
    for number in range(count):
        await real.router.switch(HOST, real.target(number + 2, sockets[number % len(sockets)]))
        await asyncio.sleep(0.4)
    return await loading


async def measure(rounds: int, seconds: float, count: int) -> dict[str, object]:
    with bench() as real:
        one, two = real.home.sockets / "one.sock", real.home.sockets / "two.sock"
        with uvicorn(one), uvicorn(two):
            await real.router.ensure()
            for path in (one, two):
                path.chmod(0o666)
            await real.router.switch(HOST, real.target(1, str(one)))
            result = await asyncio.to_thread(cost, real, str(one), rounds, seconds)
            for rate in (10, 50, 500):
                for keep_alive in (True, False):
                    report = await switches(real, [str(two), str(one)], count, rate=rate, keep_alive=keep_alive)
                    result[f"{count} switches at {rate}/s, keep-alive {keep_alive}"] = report.summary()
            return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--switches", type=int, default=20)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.rounds, options.seconds, options.switches)), indent=1))


if __name__ == "__main__":
    main()
