"""Requests during redeploys: `python -m bench.zero_downtime [--redeploys 100]`; every failure is counted by its kind.

One FastAPI app is redeployed again and again while requests leave at 10 and at 50 a second in an open loop, with kept
connections and with one a request, a fifth of them POST. A slow request (2 s) is always under way, and a websocket is
always open: it must be told to go (1012) each time. Beside it the daemon's memory, what releases are kept, and how long
the answers took are shown.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import websockets.exceptions
from websockets.sync.client import connect

from bench.apps import FASTAPI, App, Repository
from bench.box import Box, box, first_answer, machine, memory_of
from bench.load import Load, Report, run

_SOURCE = """
import asyncio
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse
from version import VERSION
app = FastAPI()
@app.get("/")
async def home(): return PlainTextResponse(VERSION)
@app.post("/")
async def keep(request: Request): return PlainTextResponse(f"{VERSION} {len(await request.body())}")
@app.get("/slow")
async def slow():
    await asyncio.sleep(2)
    return PlainTextResponse(VERSION)
@app.websocket("/socket")
async def talk(socket: WebSocket):
    await socket.accept()
    await socket.send_text(VERSION)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
"""
APP = App("busy", _SOURCE, (*FASTAPI.packages, "websockets==15.0.1"), FASTAPI.command)
_HOST = "busy.localhost"
_RATES = (10.0, 50.0)
_SLICE = 10.0  # seconds of one run of the load generator


@dataclass
class Tally:
    """What all ways saw."""

    requests: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds."""
    closed: Counter[int] = field(default_factory=Counter)
    """Websockets by their closing code."""
    versions: set[str] = field(default_factory=set)

    def add(self, way: str, report: Report) -> None:
        self.requests[way] += report.sent
        self.failures.update({f"{way}: {kind}": count for kind, count in report.failures.items()})
        self.slowest[way] = max(self.slowest.get(way, 0.0), *report.latencies)
        self.versions |= set(report.answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redeploys", type=int, default=100)
    options = parser.parse_args()
    print(machine())
    with box() as pullet:
        repository = Repository(pullet.home.root.parent / "repository", APP.files)
        pullet.up(repository.folder, APP.name)
        tally, memory, took = measure(pullet, repository, options.redeploys)
        report(pullet, tally, memory, took)
    sys.exit(bool(tally.failures))


def measure(pullet: Box, repository: Repository, count: int) -> tuple[Tally, list[int], float]:
    tally, over = Tally(), threading.Event()
    ways: list[Callable[[], None]] = [
        *(loading(pullet, tally, over, rate, keep) for rate in _RATES for keep in (True, False)),
        lambda: ask_slowly(pullet, tally, over),
        lambda: listen(pullet, tally, over),
    ]
    memory = [memory_of(pullet.daemon())]
    started = time.monotonic()
    with ThreadPoolExecutor(len(ways)) as pool:
        running = [pool.submit(way) for way in ways]
        try:
            for _ in range(count):
                first_answer(pullet.port, _HOST, repository.push_version())
                memory.append(memory_of(pullet.daemon()))
        finally:
            over.set()
        for each in running:
            each.result()
    return tally, memory, time.monotonic() - started


def loading(pullet: Box, tally: Tally, over: threading.Event, rate: float, keep_alive: bool) -> Callable[[], None]:
    way = f"{rate:g}/s {'kept connections' if keep_alive else 'a connection each'}"
    load = Load(("127.0.0.1", pullet.port), _HOST, ("/",), rate, _SLICE, post_share=0.2, keep_alive=keep_alive)

    def go() -> None:
        while not over.is_set():
            tally.add(way, run(load))

    return go


def ask_slowly(pullet: Box, tally: Tally, over: threading.Event) -> None:
    """A new slow request each second, each 2 s long: there is no moment without one."""
    load = Load(("127.0.0.1", pullet.port), _HOST, ("/slow",), 1, _SLICE, keep_alive=False)
    while not over.is_set():
        tally.add("2 s request", run(load))


def listen(pullet: Box, tally: Tally, over: threading.Event) -> None:
    """Hold a websocket, and open the next as soon as it is closed."""
    while not over.is_set():
        try:
            way = socket.create_connection(("127.0.0.1", pullet.port))
            with connect(f"ws://{_HOST}/socket", sock=way) as talk:
                tally.requests["websocket"] += 1
                wait_for_close(talk.recv, over)
        except websockets.exceptions.ConnectionClosed as err:
            code = err.rcvd.code if err.rcvd else 1006
            tally.closed[code] += 1
            if code != 1012:
                tally.failures[f"websocket: closed with {code}"] += 1
        except (OSError, websockets.exceptions.WebSocketException) as err:
            tally.failures[f"websocket: {type(err).__name__} {err}"] += 1


def wait_for_close(receive: Callable[[float], object], over: threading.Event) -> None:
    while not over.is_set():
        try:
            receive(0.5)
        except TimeoutError:
            continue


def report(pullet: Box, tally: Tally, memory: list[int], took: float) -> None:
    count = len(memory) - 1
    print(f"{count} redeploys in {took:.0f} s; {len(tally.versions)} versions answered")
    for way, sent in tally.requests.items():
        slowest = f", slowest {1000 * tally.slowest[way]:.0f} ms" if way in tally.slowest else ""
        print(f"  {way:24} {sent} sent, {failed(tally, way)} failed{slowest}")
    print(f"  websockets closed with {dict(tally.closed)}")
    print(f"failures: {sum(tally.failures.values())} {json.dumps(tally.failures)}")
    middle = memory[count // 2]
    print(f"daemon memory: {memory[0] >> 20} MB, after half {middle >> 20} MB, at the end {memory[-1] >> 20} MB")
    pullet.settled(APP.name, spare=False)
    time.sleep(5)  # the last release drains, and then what is kept is known
    folder = pullet.home.releases / APP.name / "production"
    print(f"releases on the disk: {sorted(int(each.name) for each in folder.iterdir() if (each / 'tree').exists())}")


def failed(tally: Tally, way: str) -> int:
    return sum(count for kind, count in tally.failures.items() if kind.startswith(f"{way}:"))


if __name__ == "__main__":
    main()
