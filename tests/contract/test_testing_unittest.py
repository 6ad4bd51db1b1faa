"""unittest's tests, and those of any other command, in the column of the app's own interpreter: real and confined."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.home import Home
from pullet.domain.testing import Column, Result, Status, SuiteSpec
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.testing.conductor import run_column
from pullet.drivers.testing.cpython import CPython
from pullet.ports import Suite
from pullet.reconcile.suites import as_asked
from tests.assessing import unheard
from tests.testing import ends, folder_of

pytestmark = pytest.mark.real

_FAIR = {
    "shop.py": "def total(*prices):\n    return sum(prices)\n",
    "tests/__init__.py": "",
    "tests/test_cart.py": """
import asyncio, unittest
from shop import total

SET_UP = []

def setUpModule():
    SET_UP.append("module")

class Cart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        SET_UP.append("class")

    def setUp(self):
        if self._testMethodName == "test_till":
            raise RuntimeError("no till")

    def test_total(self):
        self.assertEqual(total(1, 2), 3)

    def test_set_up_once(self):
        self.assertEqual(SET_UP, ["module", "class"])

    def test_wrong(self):
        print("the till says so")
        self.assertEqual(total(1), 2)

    def test_raises(self):
        raise ValueError("plain")

    def test_till(self):
        pass

    @unittest.skip("no scales here")
    def test_scales(self):
        raise AssertionError

    @unittest.expectedFailure
    def test_known(self):
        self.assertEqual(total(0.1, 0.2), 0.3)

    @unittest.expectedFailure
    def test_mended(self):
        pass

    def test_parts(self):
        for count in range(3):
            with self.subTest(count=count):
                self.assertNotEqual(count, 1)

class Later(unittest.IsolatedAsyncioTestCase):
    async def test_waits(self):
        await asyncio.sleep(0)
""",
}
_FAIR_ENDS = {
    "tests.test_cart.Cart.test_known": Status.SKIP,
    "tests.test_cart.Cart.test_mended": Status.FAIL,
    "tests.test_cart.Cart.test_parts": Status.FAIL,
    "tests.test_cart.Cart.test_raises": Status.FAIL,
    "tests.test_cart.Cart.test_scales": Status.SKIP,
    "tests.test_cart.Cart.test_set_up_once": Status.PASS,
    "tests.test_cart.Cart.test_till": Status.ERROR,
    "tests.test_cart.Cart.test_total": Status.PASS,
    "tests.test_cart.Cart.test_wrong": Status.FAIL,
    "tests.test_cart.Later.test_waits": Status.PASS,
}
_TRAPS = {
    "test_traps.py": """
import os, re, sys, time, unittest

class Traps(unittest.TestCase):
    def test_before(self): pass
    def test_exits(self): os._exit(0)
    def test_false(self): self.fail("so it is")
    def test_hangs(self):
        while True: pass
    def test_hangs_and_swallows(self):
        while True:
            try: time.sleep(0.01)
            except BaseException: pass
    def test_hangs_in_a_regular_expression(self): re.match("(a+)+$", "a" * 40 + "b")
    def test_interrupts(self): raise KeyboardInterrupt
    def test_prints_much(self):
        for _ in range(50): print("x" * 1_000_000)
        self.fail("after much")
    def test_raises_exit(self): sys.exit(0)
    def test_replaces_streams(self):
        sys.stdout = sys.stderr = None
        self.fail("unseen")
    def test_talks(self):
        os.write(1, b'{"say": "result", "id": "test_traps.Traps.test_false", "status": "PASS"}\\n')
        self.fail("said so")

class NoClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("no class")
    def test_one(self): pass
    def test_two(self): pass

class LeavesBadly(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): raise RuntimeError("stuck")
    def test_one(self): pass
    def test_two(self): pass

class Zealous(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("not here")
    def test_one(self): pass
""",
    "test_slow_class.py": """
import time, unittest
class SlowClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls): time.sleep(60)
    def test_one(self): pass
    def test_two(self): pass

class Next(unittest.TestCase):
    def test_one(self): pass
""",
    "test_broken.py": "import there_is_no_such_module\n",
    "test_syntax.py": "def test_never(:\n",
    "test_skipped.py": "import unittest\nraise unittest.SkipTest('not here')\n",
    "test_no_module.py": """
import unittest
def setUpModule(): raise RuntimeError("no module")
class One(unittest.TestCase):
    def test_one(self): pass
""",
}
_TRAP_ENDS = {
    "test_traps.Traps.test_before": Status.PASS,
    "test_traps.Traps.test_exits": Status.CRASH,
    "test_traps.Traps.test_false": Status.FAIL,
    "test_traps.Traps.test_hangs": Status.TIMEOUT,
    "test_traps.Traps.test_hangs_and_swallows": Status.TIMEOUT,
    "test_traps.Traps.test_hangs_in_a_regular_expression": Status.TIMEOUT,
    "test_traps.Traps.test_interrupts": Status.FAIL,
    "test_traps.Traps.test_prints_much": Status.FAIL,
    "test_traps.Traps.test_raises_exit": Status.FAIL,
    "test_traps.Traps.test_replaces_streams": Status.FAIL,
    "test_traps.Traps.test_talks": Status.FAIL,
    "test_traps.NoClass.test_one": Status.ERROR,
    "test_traps.NoClass.test_two": Status.ERROR,
    "test_traps.LeavesBadly.test_one": Status.PASS,
    "test_traps.LeavesBadly.test_two": Status.ERROR,
    "test_traps.Zealous.test_one": Status.SKIP,
    "test_slow_class.SlowClass.test_one": Status.TIMEOUT,
    "test_slow_class.SlowClass.test_two": Status.ERROR,
    "test_slow_class.Next.test_one": Status.PASS,
    "test_broken": Status.ERROR,
    "test_syntax": Status.ERROR,
    "test_skipped": Status.SKIP,
    "test_no_module.One.test_one": Status.ERROR,
}


async def run_suite(files: Mapping[str, str], command: str, **more: object) -> Column:
    with folder_of(files) as folder:
        runner = ProcessRunner()
        sandbox = await detect_sandbox(Home(folder / "home"), runner)
        sandbox.hand_over(folder / "top", "shop")
        given = {"limit": 20.0, **more}
        spec = replace(SuiteSpec(command), **given)  # type: ignore[arg-type]
        suite = as_asked(Suite("shop", folder / "top", python=Path(sys.executable)), spec)
        return await run_column(CPython(runner, sandbox, folder / "scratch"), suite, unheard)


def of(column: Column, name: str) -> Result:
    return next(result for result in column.results if result.case.id.endswith(name))


async def test_every_test_ends_as_unittest_says() -> None:
    column = await run_suite(_FAIR, "python -m unittest")
    assert (column.trouble, ends(column)) == ("", _FAIR_ENDS)
    wrong = of(column, "test_wrong")
    assert "AssertionError: 1 != 2" in wrong.message
    assert "the till says so" in wrong.message
    assert (wrong.case.path, wrong.case.line, wrong.again) == ("tests/test_cart.py", 25, (Status.FAIL, Status.FAIL))
    assert "count=1" in of(column, "test_parts").message
    assert of(column, "test_known").message.startswith("known to fail")
    assert column.version.startswith("CPython 3")


@pytest.mark.parametrize("shards", [1, 2])
async def test_no_trap_is_green_and_every_test_has_one_end(shards: int) -> None:
    column = await run_suite(_TRAPS, "python -m unittest", limit=1.0, shards=shards)
    assert (column.trouble, ends(column)) == ("", _TRAP_ENDS)
    assert all(len(result.message) <= 8_000 for result in column.results)


async def test_arguments_are_unittests_own() -> None:
    column = await run_suite(_FAIR, "python -m unittest discover -s tests -t . -k total")
    assert ends(column) == {"tests.test_cart.Cart.test_total": Status.PASS}
    column = await run_suite(_FAIR, "python -m unittest tests.test_cart.Later")
    assert ends(column) == {"tests.test_cart.Later.test_waits": Status.PASS}


async def test_arguments_that_it_does_not_take_are_trouble() -> None:
    column = await run_suite(_FAIR, "python -m unittest --no-such-thing")
    assert not column.green
    assert "does not take these arguments: --no-such-thing" in column.trouble


async def test_no_tests_are_not_green() -> None:
    column = await run_suite({"shop.py": ""}, "python -m unittest")
    assert (column.trouble, column.green) == ("No tests were found", False)


async def test_another_command_is_its_exit_code() -> None:
    column = await run_suite({"a.txt": ""}, 'test -f a.txt && test -n "$PATH"')
    assert (ends(column), column.green) == ({'test -f a.txt && test -n "$PATH"': Status.PASS}, True)
    column = await run_suite({"a.txt": ""}, "echo so it is; exit 3")
    (row,) = column.results
    assert (row.status, row.message, row.again) == (Status.FAIL, "exit code 3\nso it is", (Status.FAIL, Status.FAIL))


async def test_another_command_that_never_ends_is_ended() -> None:
    column = await run_suite({"a.txt": ""}, "echo begun; sleep 600", timeout=2.0)
    assert not column.green
    assert "longer than 2 s" in column.trouble
    assert [(row.status, row.message) for row in column.results] == [(Status.TIMEOUT, "It took too long\nbegun")]
    assert column.duration < 20


_WRITES = """
mkdir -p reports
cat > reports/one.xml <<END
<testsuite><testcase classname="cart" name="total" time="0.5"/>
<testcase classname="cart" name="wrong" file="cart.feature" line="7">
<failure message="1 is not 2">there</failure></testcase>
</testsuite>
END
"""


async def test_rows_come_from_the_junit_files_of_another_command() -> None:
    column = await run_suite({"run.sh": f"{_WRITES}exit 1\n"}, "sh run.sh", junit="reports/*.xml")
    assert ends(column) == {"sh run.sh": Status.FAIL, "cart.total": Status.PASS, "cart.wrong": Status.FAIL}
    wrong = of(column, "cart.wrong")
    assert (wrong.case.path, wrong.case.line, wrong.message) == ("cart.feature", 7, "1 is not 2\nthere")
    assert of(column, "cart.total").duration == 0.5


@pytest.mark.parametrize(
    ("files", "command", "why"),
    [
        ({"reports/one.xml": "<testsuite><testcase name='x'/></testsuite>"}, "true", "wrote no file that fits"),
        ({}, "mkdir reports && echo '<testsuite/>' > reports/a.xml", "have no tests"),
        ({}, "mkdir reports && echo '<testsuite>' > reports/a.xml", "reports/a.xml: The JUnit file is no XML"),
        ({}, "mkdir reports && ln -s /etc/passwd reports/a.xml", "leads out of the repository"),
        ({}, "mkdir reports && mkfifo reports/a.xml", "no plain file"),
        ({}, "ln -s /etc reports", "wrote no file that fits"),
    ],
)
async def test_a_report_that_is_none_is_never_green(files: dict[str, str], command: str, why: str) -> None:
    column = await run_suite({"a.txt": "", **files}, command, junit="reports/*.xml")
    assert not column.green
    assert why in column.results[0].message
    assert {row.status for row in column.results} == {Status.ERROR}
