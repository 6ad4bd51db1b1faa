"""`pullet test` of folders as they are on a laptop: with an environment of their own, and without."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from uv import find_uv_bin

from pullet.domain.errors import BuildFailed
from pullet.domain.testing import Status, Tested
from pullet.operations.testing import Wanted
from pullet.operations.testing import test_folder as run_tests
from tests.assessing import unheard
from tests.testing import ends, folder_of

pytestmark = pytest.mark.real

_CASE = "import sys, unittest\n\nclass Cart(unittest.TestCase):\n    def test_{name}(self):\n        {claim}\n"


def _run(argv: list[str | Path]) -> None:
    subprocess.run(argv, check=True, timeout=60)


async def outcome(files: Mapping[str, str], *, own: bool = False, python: Path | None = None) -> Tested:
    """`own`: the folder has an environment of its own, in which nothing is installed."""
    with folder_of(files) as folder:
        if own:
            venv: list[str | Path] = [find_uv_bin(), "venv", "-q", "-p", sys.executable, folder / "top/.venv"]
            await asyncio.to_thread(_run, venv)
        return await run_tests(Wanted(folder / "top", python=python), folder / "home", unheard)


async def test_a_library_without_an_environment_gets_one() -> None:
    files = {
        "pyproject.toml": '[project]\nname = "lib"\nversion = "1"\ndependencies = ["iniconfig"]\n'
        '[dependency-groups]\ntest = ["pytest", "pluggy"]\n',
        "src/lib/__init__.py": "import iniconfig\n",
        "tests/test_lib.py": "import lib, pluggy\n\ndef test_it():\n    assert lib.iniconfig\n",
    }
    (column,) = (await outcome(files)).columns
    assert (column.trouble, ends(column)) == ("", {"tests/test_lib.py::test_it": Status.PASS})


async def test_its_own_environment_is_taken_where_it_can_run_the_tests() -> None:
    claim = "self.assertTrue(sys.prefix.endswith('/top/.venv'))"
    files = {"test_cart.py": _CASE.format(name="own", claim=claim), ".gitignore": ".venv\n"}
    (column,) = (await outcome(files, own=True)).columns
    assert (column.trouble, ends(column)) == ("", {"test_cart.Cart.test_own": Status.PASS})


async def test_one_that_cannot_is_not() -> None:
    files = {"tests/test_a.py": "import pytest\n\ndef test_a():\n    pass\n", "requirements-dev.txt": "pytest\n"}
    (column,) = (await outcome(files, own=True)).columns
    assert (column.trouble, ends(column)) == ("", {"tests/test_a.py::test_a": Status.PASS})


async def test_what_cannot_be_installed_is_told() -> None:
    files = {"test_a.py": "def test_a():\n    pass\n", "requirements-dev.txt": "-r ../../../etc/passwd\n"}
    with pytest.raises(BuildFailed, match="leads out of the repository"):
        await outcome(files)


async def test_the_declared_command_and_limits_hold() -> None:
    files = {
        "app.py": "from flask import Flask\napp = Flask(__name__)\n",
        "pullet.toml": '[gates.tests]\ncommand = "python -m unittest test_slow"\nlimit = "1s"\n',
        "test_slow.py": _CASE.format(name="slow", claim="import time; time.sleep(30)"),
        "test_other.py": _CASE.format(name="other", claim="pass"),
    }
    (column,) = (await outcome(files, python=Path(sys.executable))).columns
    assert ends(column) == {"test_slow.Cart.test_slow": Status.TIMEOUT}
