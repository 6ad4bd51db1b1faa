"""Failed requests over many consecutive redeploys under load: there must be none.

    python -m bench.zero_downtime --redeploys 100

At 10 and at 50 requests/s, open loop: half on kept connections and half on fresh ones, a fifth of them POST, and a 2 s
slow request always in flight.
"""

from __future__ import annotations

import argparse
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from bench.apps import Repository
from bench.box import Box, box
from bench.load import Load, Report, run

APP = """import time
from flask import Flask, request

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def home():
    return f"VERSION {len(request.get_data())}"


@app.get("/slow")
def slow():
    time.sleep(2)
    return "VERSION slow"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redeploys", type=int, default=100)
    redeploys = parser.parse_args().redeploys
    print("| requests/s | redeploys | requests | failed | versions seen | p50 ms | p99 ms | slow requests | failed |")
    print("|---|---|---|---|---|---|---|---|---|")
    with box() as place:
        repository = make(place)
        for rate in (10.0, 50.0):
            measure(place, repository, rate, redeploys)


def make(place: Box) -> Repository:
    files = {
        "requirements.txt": "flask\ngunicorn\n",
        "Procfile": "web: gunicorn --workers 1 --threads 16 app:app\n",
        "app.py": APP.replace("VERSION", "v0"),
    }
    repository = Repository(place.home.root.parent / "shop", files)
    place.up(repository.folder, "shop")
    return repository


def measure(place: Box, repository: Repository, rate: float, redeploys: int) -> None:
    """Loads of five seconds each follow one another until the redeploys are done."""
    done = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        router = ("127.0.0.1", place.port)
        kept = Load(router, "shop.localhost", rate=rate / 2, seconds=5, post_share=0.2)
        fresh = Load(router, "shop.localhost", rate=rate / 2, seconds=5, post_share=0.2, keep_alive=False)
        slow = Load(router, "shop.localhost", ("/slow",), rate=1, seconds=5)
        work = [pool.submit(repeat, load, done) for load in (kept, fresh, slow)]
        for number in range(redeploys):
            repository.commit({"app.py": APP.replace("VERSION", f"v{rate:.0f}-{number}")})
            place.pullet("sync", "shop")
        done.set()
    show(rate, redeploys, work)


def repeat(load: Load, done: threading.Event) -> list[Report]:
    reports = []
    while not done.is_set():
        reports.append(run(load))
    return reports


def show(rate: float, redeploys: int, work: list[Future[list[Report]]]) -> None:
    kept, fresh, slow = (future.result() for future in work)
    quick = [*kept, *fresh]
    latencies = sorted(latency for report in quick for latency in report.latencies)
    seen = {version for report in quick for version in report.answers}
    middle, late = (latencies[int(share * (len(latencies) - 1))] * 1000 for share in (0.5, 0.99))
    print(
        f"| {rate:.0f} | {redeploys} | {sum(r.sent for r in quick)} | {sum(r.failed for r in quick)} | {len(seen)} |"
        f" {middle:.1f} | {late:.1f} | {sum(r.sent for r in slow)} | {sum(r.failed for r in slow)} |",
        flush=True,
    )
    for report in (*quick, *slow):
        if report.failures:
            print(dict(report.failures), flush=True)


if __name__ == "__main__":
    main()
