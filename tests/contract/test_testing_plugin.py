"""`pytest --pullet-on`: pytest as editors start it, with tests that run in another interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing import FAIR, folder_of

pytestmark = pytest.mark.real


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PULLET_HOME": str(folder / "home"), "PYTHONPATH": str(folder / "top")}
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-rA", *arguments)
    return subprocess.run(
        command, cwd=folder / "top", env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_what_another_interpreter_said_is_reported_as_pytests_own() -> None:
    with folder_of({**FAIR, "pytest.ini": "[pytest]\n", ".venv/keep": ""}) as folder:
        (folder / "top/.venv/bin").mkdir()
        (folder / "top/.venv/bin/python").symlink_to(sys.executable)
        (folder / "top/.venv/lib").symlink_to(Path(sys.prefix) / "lib")
        done = run(folder, "--pullet-on", "cpython")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PASSED tests/test_cart.py::test_total" in done.stdout
    assert "FAILED tests/test_cart.py::test_wrong" in done.stdout
    assert "ERROR in cpython" in done.stdout
    assert "the till says so" in done.stdout
    assert "4 passed" in done.stdout
    assert "2 skipped" in done.stdout


def test_a_runtime_that_cannot_run_is_no_pass() -> None:
    with folder_of({**FAIR, ".venv/lib/python3/site-packages/pytest/__init__.py": ""}) as folder:
        (folder / "top/.venv/bin").mkdir()
        (folder / "top/.venv/bin/python").symlink_to("/bin/false")
        done = run(folder, "--pullet-on", "cpython")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "could not run" in done.stdout + done.stderr


def test_an_unknown_runtime_is_a_wrong_use() -> None:
    with folder_of(FAIR) as folder:
        done = run(folder, "--pullet-on", "netscape")
    assert done.returncode == 4
    assert "There is no column 'netscape'" in done.stderr
