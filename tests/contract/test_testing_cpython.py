"""The column of the app's own interpreter: real processes, confined."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pullet.domain.home import Home
from pullet.domain.testing import Column, Status
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.testing.conductor import run_column
from pullet.drivers.testing.cpython import CPython
from pullet.ports import Suite
from tests.assessing import unheard
from tests.testing import FAIR, FAIR_ENDS, TRAP_ENDS, TRAPS, ends, folder_of

pytestmark = pytest.mark.real


async def run_suite(files: Mapping[str, str], **more: object) -> Column:
    with folder_of(files) as folder:
        runner = ProcessRunner()
        sandbox = await detect_sandbox(Home(folder / "home"), runner)
        sandbox.hand_over(folder / "top", "shop")
        given: dict[str, object] = {"python": Path(sys.executable), "limit": 20.0, **more}
        suite = Suite("shop", folder / "top", **given)  # type: ignore[arg-type]
        return await run_column(CPython(runner, sandbox, folder / "scratch"), suite, unheard)


async def test_every_test_ends_as_pytest_says() -> None:
    column = await run_suite(FAIR)
    assert (column.trouble, ends(column)) == ("", dict(FAIR_ENDS))
    wrong = next(result for result in column.results if result.case.id.endswith("test_wrong"))
    assert "assert 1 == 2" in wrong.message
    assert "the till says so" in wrong.message
    assert (wrong.case.path, wrong.case.line, wrong.again) == ("tests/test_cart.py", 12, (Status.FAIL, Status.FAIL))
    assert column.version.startswith("CPython 3")
    assert 0 < column.first < column.duration


async def test_no_trap_is_green_and_every_test_has_one_end() -> None:
    column = await run_suite(TRAPS, limit=2.0, shards=2)
    assert column.trouble == ""
    assert ends(column).keys() == TRAP_ENDS.keys()
    assert {name: status for name, status in ends(column).items() if status not in TRAP_ENDS[name]} == {}
    assert all(len(result.message) <= 8_000 for result in column.results)
