"""Pullet beside what people do without it, in one run: `python -m bench.comparison [--runs 10] [--apps flask]`.

For each app all three serve at once, and each run deploys one commit to each in turn, so that a busy moment of the
machine meets all alike. No side pays for polling: Pullet's clock starts when its daemon saw the commit, the others'
when their script starts. Each ends at the first new response through its own web server. Milliseconds.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench.apps import APPS, App, Repository
from bench.box import box, first_answer, machine, spread
from bench.byhand import ByHand, Deployer, Piku, available, deployed
from bench.redeploy import Run, redeploy, show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--apps", default="flask,fastapi,django")
    options = parser.parse_args()
    print(machine(), *available(), sep="\n")
    for app in APPS:
        if app.name in options.apps.split(","):
            compare(app, options.runs)


def compare(app: App, runs: int) -> None:
    with box() as pullet:
        folder: Path = pullet.home.root.parent
        ours, theirs = Repository(folder / "ours", app.files), Repository(folder / "theirs", app.files)
        pullet.up(ours.folder, app.name)
        with deployed(ByHand, app, theirs) as hand, deployed(Piku, app, theirs) as piku:
            rounds = [(redeploy(pullet, app, ours, warm=True), *others(theirs, hand, piku)) for _ in range(runs + 1)]
    report(app, rounds[1:])  # at the first there is nothing in any cache


def others(repository: Repository, hand: Deployer, piku: Deployer) -> tuple[float, float]:
    version = repository.push_version()
    return deploy(hand, version), deploy(piku, version)


def deploy(deployer: Deployer, version: str) -> float:
    time.sleep(1)
    started = time.time()
    script = threading.Thread(target=deployer.deploy)
    script.start()
    answered = first_answer(deployer.port, "localhost", version)
    script.join()
    return 1000 * (answered - started)


def report(app: App, rounds: Sequence[tuple[Run, float, float]]) -> None:
    show(f"{app.name}, warm, beside the others", [pullet for pullet, _, _ in rounds])
    pullet = statistics.median(run.total for run, _, _ in rounds)
    ways = {"by hand": [hand for _, hand, _ in rounds], "Piku's way": [piku for _, _, piku in rounds]}
    for way, values in ways.items():
        ratios = [value / run.total for value, (run, _, _) in zip(values, rounds, strict=True)]
        print(f"  {way:11} {spread(values)}; Pullet's times {spread(ratios, 1)}", end="")
        print(f", of the medians {statistics.median(values) / pullet:.1f}", flush=True)


if __name__ == "__main__":
    main()
