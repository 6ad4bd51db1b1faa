"""Code-only redeploys through the real daemon: commit to first new response, by phase, cold and with a warm spare.

    python -m bench.redeploy --runs 10

The clock starts when the daemon saw the commit (the wait for the poll is shown apart). *Own* is Pullet's share: all but
the app's own start to its first 200 (the steps start and probe), and Django's own collectstatic and migrate.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

from bench.box import Box, Repository, box, spread, wait

APPS = ("flask-hello", "fastapi-hello", "django-notes")
PHASES = ("resolve", "build", "check", "prepare", "start", "probe", "switch")
NO_SPARES = "[processes.web]\nspares = 0\n"


@dataclass(frozen=True)
class Run:
    poll: float
    """Milliseconds from the commit to the deployment's begin; the others count from there."""
    total: float
    phases: dict[str, float]
    of_the_app: tuple[str, ...]
    """Phases that are the app's own work."""

    @property
    def own(self) -> float:
        return self.total - sum(self.phases[phase] for phase in self.of_the_app)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    print("milliseconds: median (least-most)\n")
    print("| app | spare | " + " | ".join(PHASES) + " | own | total | poll wait |")
    print("|---|---|" + "---|" * (len(PHASES) + 3))
    with box() as place:
        for app in APPS:
            for warm in (False, True):
                report(app, warm, measure(place, app, warm, runs))


def measure(place: Box, app: str, warm: bool, runs: int) -> list[Run]:
    name = f"{app}-{'warm' if warm else 'cold'}"
    repository = place.repository(app, name)
    repository.configure("" if warm else NO_SPARES)
    place.up(repository)
    return [one(place, repository, name, warm, f"run {number}") for number in range(runs)]


def one(place: Box, repository: Repository, app: str, warm: bool, greeting: str) -> Run:
    if warm:
        place.wait_for_spare(app)
    committed = repository.greet(greeting)
    seen = wait(lambda: greeting in place.page(app))
    deployment = wait_for_record(place, app, committed)
    phases = {
        step["name"]: (step["finished"] - step["started"]) * 1000 for step in deployment["steps"] if step["finished"]
    }
    began = deployment["started"]
    # collectstatic and migrate take seconds of Django's own.
    of_the_app = ("start", "probe", *(("build", "prepare") if app.startswith("django") else ()))
    return Run((began - committed) * 1000, (seen - began) * 1000, phases, of_the_app)


def wait_for_record(place: Box, app: str, committed: float) -> dict:  # type: ignore[type-arg]
    found: dict = {}  # type: ignore[type-arg]

    def there() -> bool:
        [latest] = place.json("deployments", app, "-n", "1")
        found.update(latest)
        return bool(latest["outcome"] == "succeeded" and latest["started"] > committed - 1)

    wait(there, pause=0.05)
    return found


def report(app: str, warm: bool, runs: list[Run]) -> None:
    phases = [f"{statistics.median(run.phases[phase] for run in runs):.0f}" for phase in PHASES]
    total, own, poll = (spread([getattr(run, what) for run in runs]) for what in ("total", "own", "poll"))
    print(
        f"| {app} | {'warm' if warm else 'cold'} | " + " | ".join(phases) + f" | {own} | **{total}** | {poll} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
