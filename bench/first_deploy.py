"""The first deployment of each app: `python -m bench.first_deploy [--runs 3]`, seconds.

Each run is a home of its own: `pullet up` until it returns and the page answers. Cold: nothing is cached (the network
is part of it), and the daemon and the router start too. Warm: another app filled the cache before. `build` is one step
of each.
"""

from __future__ import annotations

import argparse
import time

from bench.apps import APPS, App, Repository
from bench.box import Box, box, first_answer, machine, spread
from bench.redeploy import steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    for app in APPS:
        pairs = [both(app) for _ in range(options.runs)]
        for index, title in enumerate(("cold cache, daemon started", "warm cache, daemon running")):
            whole, build = zip(*(pair[index] for pair in pairs), strict=True)
            print(f"{app.name:8} {title}: {spread(whole, 2)} s, of which build {spread(build, 2)}", flush=True)


def both(app: App) -> tuple[tuple[float, float], tuple[float, float]]:
    with box() as pullet:
        cold = first(pullet, app, "one")
        pullet.pullet("down", "one")
        forget_environments(pullet)
        return cold, first(pullet, app, "two")


def first(pullet: Box, app: App, name: str) -> tuple[float, float]:
    """(seconds of everything, seconds of the build)."""
    repository = Repository(pullet.home.root.parent / name, app.files)
    started = time.monotonic()
    pullet.up(repository.folder, name)
    first_answer(pullet.port, f"{name}.localhost", "v0")
    return time.monotonic() - started, steps(pullet.deployment(name))["build"] / 1000


def forget_environments(pullet: Box) -> None:
    """Else the second app would be given the first one's environment."""
    for folder in pullet.home.pythons.iterdir():
        folder.rename(folder.with_name(f".gone-{folder.name}"))


if __name__ == "__main__":
    main()
