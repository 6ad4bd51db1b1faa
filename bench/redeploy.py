"""Code-only redeploy, commit to first new response: `python -m bench.redeploy [--runs 10] [--apps flask,django]`.

Every phase comes from the deployment's own step records. The clock starts when the daemon saw the commit; what passed
between the commit and that moment is the wait for the poll and is shown apart. `start` and `probe` are the app's own
start up to its first good answer; everything else is Pullet's own share. Milliseconds: median (least-most).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.apps import APPS, App, Repository
from bench.box import Box, box, first_answer, machine, spread

_OF_THE_APP = ("start", "probe")


@dataclass(frozen=True)
class Run:
    """Milliseconds."""

    poll: float
    total: float
    """From seen to the first new response."""
    steps: dict[str, float]

    @property
    def own(self) -> float:
        """Pullet's share."""
        return self.total - sum(self.steps.get(name, 0) for name in _OF_THE_APP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--apps", default="flask,fastapi,django")
    parser.add_argument("--ways", default="cold,warm")
    options = parser.parse_args()
    print(machine())
    for app in APPS:
        if app.name in options.apps.split(","):
            for way in options.ways.split(","):
                show(f"{app.name}, {way}", redeploys(app, options.runs, warm=way == "warm"))


def redeploys(app: App, runs: int, *, warm: bool) -> list[Run]:
    with box() as pullet:
        repository = Repository(pullet.home.root.parent / "repository", files(app, warm=warm))
        pullet.up(repository.folder, app.name)
        redeploy(pullet, app, repository, warm=warm)
        return [redeploy(pullet, app, repository, warm=warm) for _ in range(runs)]


def files(app: App, *, warm: bool) -> dict[str, str]:
    return app.files if warm else {**app.files, "pullet.toml": "[processes.web]\nspares = 0\n"}


def redeploy(pullet: Box, app: App, repository: Repository, *, warm: bool) -> Run:
    pullet.settled(app.name, spare=warm)
    time.sleep(1)  # the release before stops and the page cache calms down, as between two pushes of a person
    version = repository.push_version()
    pushed = time.time()
    answered = first_answer(pullet.port, f"{app.name}.localhost", version)
    pullet.settled(app.name, spare=False)
    deployment = pullet.deployment(app.name)
    return Run(
        1000 * max(0.0, deployment["started"] - pushed), 1000 * (answered - deployment["started"]), steps(deployment)
    )


def steps(deployment: dict[str, Any]) -> dict[str, float]:
    return {
        each["name"]: 1000 * (each["finished"] - each["started"])
        for each in deployment["steps"]
        if each["finished"] is not None
    }


def show(title: str, runs: Sequence[Run]) -> None:
    print(f"\n{title}: {len(runs)} runs")
    print(f"  seen to first new response  {spread([run.total for run in runs])}")
    print(f"  Pullet's own share          {spread([run.own for run in runs])}")
    print(f"  commit to seen (poll)       {spread([run.poll for run in runs])}")
    for name in runs[0].steps:
        print(f"    {name:10} {spread([run.steps.get(name, 0) for run in runs], 1)}")
    between = [run.total - sum(run.steps.values()) for run in runs]
    print(f"    {'between':10} {spread(between, 1)}", flush=True)


if __name__ == "__main__":
    main()
