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
from pathlib import Path

from bench.apps import APPS, App, Repository
from bench.box import box, first_answer, machine, spread
from bench.byhand import ByHand, Deployer, Piku, available, deployed
from bench.redeploy import redeploy


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
            took: dict[str, list[float]] = {"Pullet, warm": [], "by hand": [], "Piku's way": []}
            for number in range(runs + 1):
                one = (redeploy(pullet, app, ours, warm=True).total, *others(theirs, hand, piku))
                if number:  # the first has nothing in any cache
                    for values, value in zip(took.values(), one, strict=True):
                        values.append(value)
    report(app, took)


def others(repository: Repository, *deployers: Deployer) -> list[float]:
    version = repository.push_version()
    return [deploy(deployer, version) for deployer in deployers]


def deploy(deployer: Deployer, version: str) -> float:
    time.sleep(1)
    started = time.time()
    script = threading.Thread(target=deployer.deploy)
    script.start()
    answered = first_answer(deployer.port, "localhost", version)
    script.join()
    return 1000 * (answered - started)


def report(app: App, took: dict[str, list[float]]) -> None:
    print(f"\n{app.name}: start of the deployment to the first new response, {len(took['by hand'])} runs")
    for way, values in took.items():
        print(f"  {way:14} {spread(values)}")
    pullet, hand, piku = (statistics.median(values) for values in took.values())
    print(f"  Pullet to the slower 1:{max(hand, piku) / pullet:.1f}, to the faster 1:{min(hand, piku) / pullet:.1f}")


if __name__ == "__main__":
    main()
