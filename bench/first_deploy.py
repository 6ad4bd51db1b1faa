"""First deploy of three small apps, from `pullet up` to its URL, with a cold and with a warm uv cache.

python -m bench.first_deploy --runs 3
"""

from __future__ import annotations

import argparse
import shutil
import time

from bench.apps import APPS, App, Repository
from bench.box import Box, box, machine, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(machine())
    print("| app | cold cache, s | warm cache, s |\n|---|---|---|")
    for app in APPS:
        cold, warm = zip(*(both(app) for _ in range(runs)), strict=True)
        print(f"| {app.name} | {spread(cold, 2)} | {spread(warm, 2)} |", flush=True)


def both(app: App) -> tuple[float, float]:
    """A fresh home, then the same app once more with its environment removed but the downloads kept."""
    with box() as place:
        place.up(Repository(place.home.root.parent / "warm-up", {"wsgi.py": _NOTHING}).folder, "warm-up")
        cold = deploy(place, app, "cold")
        place.pullet("down", "cold")
        shutil.rmtree(place.home.pythons)
        return cold, deploy(place, app, "warm")


_NOTHING = """def application(environ, start_response):
    start_response("200 OK", [])
    return [b""]
"""


def deploy(place: Box, app: App, name: str) -> float:
    """Seconds. The daemon runs already, so its own start is not counted."""
    repository = Repository(place.home.root.parent / name, app.files)
    began = time.monotonic()
    place.up(repository.folder, name)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
