"""Assesses three releases of the sample app in tests/assessing and has Chromium draw the report.

The assessments are real: engines, environments, advisories. Only that the releases follow each other is told here: no
daemon deploys them. `scripts/screenshots FOLDER` draws elsewhere than in docs/images.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from uv import find_uv_bin

from pullet.domain.security import Assessed, Assessment, Earlier
from pullet.operations.assess import Wanted, assess_folder
from pullet.operations.assessment_page import html
from pullet.operations.telling_tests import Report
from pullet.operations.telling_tests import html as html_of_tests
from pullet.operations.testing import Wanted as Suite
from pullet.operations.testing import test_folder
from tests.assessing import committed
from tests.assessing.sample import ADVISORIES, releases

CHECKOUT = Path(__file__).resolve().parent.parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars")  # fmt: skip
_PICTURES = (
    ("assessment", "<h1>", 1500),
    ("assessment-categories", '<h2 id="top-ten">', 1900),
    ("assessment-releases", '<h2 id="materials">', 760),
)
"""(picture, where in the page it begins, pixels from top to bottom)."""
_LIMIT = 120.0  # seconds a picture


_SHOP: Mapping[str, str] = {
    "prices.py": """
import locale
import sys


def total(*prices):
    return sum(prices)


def shown(cents):
    point = "," if sys.platform == "emscripten" else "."
    return f"{cents // 100}{point}{cents % 100:02} €"
""",
    "tests/test_prices.py": """
import time

import pytest

from prices import shown, total


@pytest.mark.parametrize("prices", [(), (250,), (250, 100)])
def test_total(prices):
    assert total(*prices) == sum(prices)


def test_what_is_shown():
    assert shown(250) == "2.50 €"


def test_a_thousand_carts():
    assert sum(total(*range(100)) for _ in range(1000)) == 4_950_000


@pytest.mark.skip(reason="no scales here")
def test_scales():
    raise AssertionError


def test_the_till_answers():
    while True:
        time.sleep(0.01)
""",
    "tests/test_orders.py": "def test_empty():\n    assert not []\n\n\ndef test_one():\n    assert [1]\n",
    ".pullet/expectations.toml": """
[[expect]]
test = "tests/test_prices.py::test_the_till_answers"
status = "TIMEOUT"
reason = "the till's protocol is not there yet"
expires = 2099-01-01
""",
}


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pullet-pictures-") as name:
        top = Path(name)
        top.chmod(0o711)  # engines run as another user where this one is root
        text = html(assessed(top))
        for picture, beginning, height in _PICTURES:
            page = top / f"{picture}.html"
            page.write_text(beginning_at(beginning, text), "utf-8")
            draw(page.as_uri(), target / f"{picture}.png", height, top / "profile")
            print(f"Drew {target / picture}.png")
        page = top / "tests.html"
        page.write_text(told_of_tests(top), "utf-8")
        draw(page.as_uri(), target / "tests.png", 1700, top / "profile")
        print(f"Drew {target / 'tests.png'}")


def assessed(top: Path) -> Assessed:
    advisories = top / "advisories"
    commit(advisories, ADVISORIES)
    found = list(in_turn(top, advisories))
    earlier = tuple(Earlier(number, each) for number, each in enumerate(found[:-1], 1))
    return Assessed("shop", len(found), found[-1], earlier[::-1])


def in_turn(top: Path, advisories: Path) -> Iterator[Assessment]:
    """Each release compared with the one before."""
    folder, base = top / "shop", ""
    for number, files in enumerate(releases(str(datetime.now(UTC).date())), 1):
        revision = commit(folder, files)
        python = install(top / f"environment-{number}", folder / "requirements.txt")
        wanted = Wanted(folder, base, advisories=str(advisories), python=python)
        yield asyncio.run(assess_folder(wanted, top / "home", print)).newest
        base = revision


def told_of_tests(top: Path) -> str:
    """A real run of three columns: one test breaks in Pyodide only, one is known to hang."""
    commit(top / "till", _SHOP)
    python = top / "environment-tests" / "bin" / "python"
    (top / "tools.txt").write_text("pytest\n", "utf-8")
    install(python.parent.parent, top / "tools.txt")
    asked = Suite(top / "till", ("cpython", "chromium", "node"), python=python, limit=2.0, shards=1)
    tested = asyncio.run(test_folder(asked, top / "home", print))
    return html_of_tests(Report("till", tested))


def commit(folder: Path, files: Mapping[str, str]) -> str:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return committed(folder)


def install(environment: Path, requirements: Path) -> Path:
    """Returns the interpreter."""
    uv, python = find_uv_bin(), environment / "bin" / "python"
    subprocess.run((uv, "venv", "-q", "-p", sys.executable, environment), check=True)
    subprocess.run((uv, "pip", "install", "-q", "-p", python, "-r", requirements), check=True)
    return python


def beginning_at(mark: str, page: str) -> str:
    """Without what stands before: a browser without a window draws only the top."""
    head, body = page.split("<body>", 1)
    return f"{head}<body>{body[body.index(mark) :]}"


def draw(url: str, picture: Path, height: int, profile: Path) -> None:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise SystemExit("scripts/screenshots needs Chromium. On Debian: apt-get install chromium")
    options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]  # it refuses to run as root otherwise
    options += [f"--user-data-dir={profile}", f"--window-size=1200,{height}", f"--screenshot={picture}"]
    subprocess.run((browser, *options, url), check=True, capture_output=True, timeout=_LIMIT)


if __name__ == "__main__":
    main()
