"""61 small tests in Chromium: by Pullet's column, and by pytest-pyodide with Selenium, in one run on one box.

    python -m bench.pytest_pyodide [--runs 3]

Needs Chromium, chromedriver, npm and pip. pytest-pyodide gets the same Pyodide, with the wheels that it asks for beside
it, so that neither fetches anything while it is measured. Its first run is not counted, nor is ours.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from pullet.domain.home import Home
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.testing.conductor import run_column
from pullet.drivers.testing.pyodide.columns import pyodide_columns
from pullet.ports import Suite

_PLAIN = """
import pytest

@pytest.mark.parametrize("number", range(61))
def test_small(number):
    assert sum(range(number)) == number * (number - 1) // 2
"""
_THEIRS = _PLAIN.replace("import pytest\n", "import pytest\nfrom pytest_pyodide import run_in_pyodide\n").replace(
    "def test_small(number)", "@run_in_pyodide\ndef test_small(selenium, number)"
)
_WHEELS = ("pytest<9", "tblib")  # 0.59 of pytest-pyodide does not know pytest 9


async def ours(top: Path, runs: int) -> list[float]:
    (top / "ours").mkdir()
    (top / "ours/test_small.py").write_text(_PLAIN)
    runner, home = ProcessRunner(), Home(top / "home")
    sandbox = await detect_sandbox(home, runner)
    chromium = next(kind for kind in pyodide_columns(home, runner, sandbox) if kind.name == "chromium")
    taken = []
    for number in range(runs + 1):
        started = time.monotonic()
        column = await run_column(chromium, Suite("measured", top / "ours"), lambda _: None)
        assert column.green, column.trouble
        assert len(column.results) == 61
        if number:
            taken.append(time.monotonic() - started)
    return taken


def theirs(top: Path, runs: int) -> list[float]:
    uv, python = find_uv_bin(), top / "venv/bin/python"
    subprocess.run((uv, "venv", "-q", "-p", sys.executable, top / "venv"), check=True)
    subprocess.run(
        (uv, "pip", "install", "-q", "-p", python, "pytest-pyodide==0.59.2", "selenium", *_WHEELS), check=True
    )
    [distribution] = (top / "home/cache/pyodide").glob("pyodide-*")
    shutil.copytree(distribution, top / "dist")
    _with_wheels(top)
    (top / "theirs").mkdir()
    (top / "theirs/test_small.py").write_text(_THEIRS)
    command = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--dist-dir", top / "dist", "--rt", "chrome")
    taken = []
    for number in range(runs + 1):
        started = time.monotonic()
        done = subprocess.run(
            (*command, "test_small.py"), cwd=top / "theirs", env={**os.environ, "SE_OFFLINE": "true"},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert "61 passed" in done.stdout, done.stdout[-2000:]
        if number:
            taken.append(time.monotonic() - started)
    return taken


def _with_wheels(top: Path) -> None:
    """What it loads into Pyodide for each test, named in the distribution's own lock."""
    download = (sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", top / "wheels", *_WHEELS)
    subprocess.run(download, check=True)
    place = top / "dist/pyodide-lock.json"
    lock: dict[str, Any] = json.loads(place.read_text())
    wheels = {path.name.split("-")[0].lower().replace("_", "-"): path for path in (top / "wheels").glob("*.whl")}
    for name, path in wheels.items():
        depends = [each for each in wheels if name == "pytest" and each != name]
        shutil.copy(path, top / "dist")
        lock["packages"][name] = {
            "name": name, "version": path.name.split("-")[1], "file_name": path.name, "install_dir": "site",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "package_type": "package",
            "imports": [name.replace("-", "_")], "depends": depends,
            "unvendored_tests": False, "shared_library": False,
        }  # fmt: skip
    place.write_text(json.dumps(lock))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    top = Path(tempfile.mkdtemp(prefix="pullet-bench-", dir="/tmp"))
    top.chmod(0o711)
    try:
        one, other = asyncio.run(ours(top, runs)), theirs(top, runs)
        for name, taken in (("Pullet", one), ("pytest-pyodide", other)):
            print(f"{name}: {statistics.median(taken):.2f} s ({min(taken):.2f}-{max(taken):.2f}, {runs} runs)")
        print(f"{statistics.median(other) / statistics.median(one):.1f} times faster")
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
