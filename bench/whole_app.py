"""A code-only redeploy of a whole application: Django with PostgreSQL, a Celery worker over Valkey, a media folder.

From the poll that saw the commit to the first answer of the new release, with each step. Each deployment
runs `migrate`, after a snapshot of the database.

    python -m bench.whole_app [--runs 10]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from bench.apps import git
from bench.box import Box, box, first_answer
from bench.redeploy import steps

EXAMPLE = Path(__file__).parents[1] / "examples/django-photos"
_HOST = "photos.localhost"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, box() as pullet:
        measured = [redeploy(pullet, app, number) for app in [begun(pullet, Path(folder))] for number in range(runs)]
    totals = [total for total, _ in measured]
    print(f"total: median {statistics.median(totals) * 1000:.0f} ms ({min(totals):.3f} to {max(totals):.3f} s)")
    for name in measured[0][1]:
        share = [each.get(name, 0.0) for _, each in measured]
        print(f"  {name}: median {statistics.median(share):.0f} ms ({min(share):.0f} to {max(share):.0f})")


def begun(pullet: Box, folder: Path) -> Path:
    app = folder / "photos"
    shutil.copytree(EXAMPLE, app)
    views = app / "photos/views.py"
    views.write_text(views.read_text() + '\n\ndef version(request):\n    return HttpResponse("v0")\n')
    urls = app / "config/urls.py"
    urls.write_text(urls.read_text().replace('path("", views.index)', 'path("", views.version)'))
    git(app, "init", "--quiet", "--initial-branch=main")
    _commit(app)
    pullet.up(app, "photos")
    first_answer(pullet.port, _HOST, "v0")
    pullet.settled("photos", spare=True)
    return app


def redeploy(pullet: Box, app: Path, number: int) -> tuple[float, dict[str, float]]:
    """(seconds from the poll that saw the commit to the first new answer, milliseconds of each step)."""
    views = app / "photos/views.py"
    views.write_text(views.read_text().replace(f'"v{number}"', f'"v{number + 1}"'))
    _commit(app)
    answered = first_answer(pullet.port, _HOST, f"v{number + 1}")
    pullet.settled("photos", spare=True)
    deployment = pullet.deployment("photos")
    return answered - deployment["started"], steps(deployment)


def _commit(app: Path) -> None:
    git(app, "add", "--all")
    git(app, "commit", "--quiet", "--message", "change")


if __name__ == "__main__":
    main()
