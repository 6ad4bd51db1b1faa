"""What tests of the test columns share: suites that try to mislead their runner, and what must come of them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pullet.domain.testing import Column, Status

FAIR: Mapping[str, str] = {
    "shop.py": "def total(*prices):\n    return sum(prices)\n",
    "tests/conftest.py": "import pytest\n\n@pytest.fixture\ndef cart():\n    return [1, 2]\n",
    "tests/test_cart.py": """
import pytest
from shop import total

def test_total(cart):
    assert total(*cart) == 3

@pytest.mark.parametrize("count", [0, 1, 2])
def test_counts(count):
    assert total(*[1] * count) == count

def test_wrong():
    print("the till says so")
    assert total(1) == 2

@pytest.mark.skip(reason="no scales here")
def test_scales():
    raise AssertionError

@pytest.mark.xfail(reason="rounding")
def test_known():
    assert total(0.1, 0.2) == 0.3

@pytest.fixture
def broken():
    raise RuntimeError("no till")

def test_till(broken):
    pass
""",
}
FAIR_ENDS: Mapping[str, Status] = {
    "tests/test_cart.py::test_total": Status.PASS,
    "tests/test_cart.py::test_counts[0]": Status.PASS,
    "tests/test_cart.py::test_counts[1]": Status.PASS,
    "tests/test_cart.py::test_counts[2]": Status.PASS,
    "tests/test_cart.py::test_wrong": Status.FAIL,
    "tests/test_cart.py::test_scales": Status.SKIP,
    "tests/test_cart.py::test_known": Status.SKIP,
    "tests/test_cart.py::test_till": Status.ERROR,
}

TRAPS: Mapping[str, str] = {
    "test_traps.py": """
import os, re, sys, time
import pytest

def test_before():
    pass

def test_false():
    assert False

def test_hangs_in_python():
    while True:
        pass

def test_hangs_and_swallows():
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass

def test_hangs_in_a_regular_expression():
    re.match("(a+)+$", "a" * 40 + "b")

def test_hangs_in_c():
    sum(range(10**13))

def test_exits():
    os._exit(0)

def test_raises_exit():
    sys.exit(0)

def test_ends_pytest():
    pytest.exit("enough", returncode=0)

def test_interrupts_from_within():
    raise KeyboardInterrupt

def test_recursion():
    def f():
        return f()
    f()

def test_prints_much():
    for _ in range(100):
        print("x" * 1_000_000)
    assert False, "after much"

def test_great_message():
    assert "x" * 5_000_000 == "y"

def test_replaces_streams():
    sys.stdout = sys.stderr = None
    assert False

def test_no_assertion_left():
    raise ValueError("plain")

def test_in_a_thread_of_its_own():
    pytest.fail("said so")

def test_after():
    pass
""",
    "test_broken.py": "import there_is_no_such_module\n\ndef test_never():\n    pass\n",
    "test_syntax.py": "def test_never(:\n",
    "test_skipped.py": "import pytest\npytest.skip('not here', allow_module_level=True)\n",
}
TRAP_ENDS: Mapping[str, frozenset[Status]] = {
    name: frozenset(statuses)
    for name, statuses in {
        "test_traps.py::test_before": (Status.PASS,),
        "test_traps.py::test_false": (Status.FAIL,),
        "test_traps.py::test_hangs_in_python": (Status.TIMEOUT,),
        "test_traps.py::test_hangs_and_swallows": (Status.TIMEOUT,),
        "test_traps.py::test_hangs_in_a_regular_expression": (Status.TIMEOUT,),
        "test_traps.py::test_hangs_in_c": (Status.TIMEOUT,),
        "test_traps.py::test_exits": (Status.CRASH,),
        "test_traps.py::test_raises_exit": (Status.FAIL,),
        "test_traps.py::test_ends_pytest": (Status.CRASH,),
        "test_traps.py::test_interrupts_from_within": (Status.CRASH, Status.FAIL),
        "test_traps.py::test_recursion": (Status.FAIL, Status.CRASH),
        "test_traps.py::test_prints_much": (Status.FAIL, Status.CRASH, Status.TIMEOUT),
        "test_traps.py::test_great_message": (Status.FAIL, Status.CRASH),
        "test_traps.py::test_replaces_streams": (Status.FAIL,),
        "test_traps.py::test_no_assertion_left": (Status.FAIL,),
        "test_traps.py::test_in_a_thread_of_its_own": (Status.FAIL,),
        "test_traps.py::test_after": (Status.PASS,),
        "test_broken.py": (Status.ERROR,),
        "test_syntax.py": (Status.ERROR,),
        "test_skipped.py": (Status.SKIP,),
    }.items()
}


@contextlib.contextmanager
def folder_of(files: Mapping[str, str]) -> Iterator[Path]:
    """The files in a folder that users of the box can pass to."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pullet-tests-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        for path, text in files.items():
            (folder / "top" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "top" / path).write_text(text)
        yield folder


def ends(column: Column) -> dict[str, Status]:
    return {result.case.id: result.status for result in column.results}
