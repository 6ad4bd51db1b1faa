"""Memory of a process tree, on real processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pullet.telemetry.memory import Families

pytestmark = pytest.mark.real

_HELD = 40 << 20  # bytes that the grandchild holds
_TREE = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c",
    "held = bytearray(b'x') * {_HELD}; print('there', flush=True); input()"], stdin=subprocess.PIPE)
input()
child.communicate()
"""


def test_descendants_count() -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"there\n"
        assert Families().resident(parent.pid) > _HELD
        parent.communicate(b"\n", timeout=20)
    assert Families().resident(parent.pid) == 0


def test_nothing_holds_nothing() -> None:
    assert Families().resident(None) == 0
