"""Which columns there are: the only place that names them."""

from __future__ import annotations

from pullet.domain.home import Home
from pullet.drivers.confinement import Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.drivers.testing.cpython import CPython
from pullet.drivers.testing.pages import Pages
from pullet.drivers.testing.pyodide.columns import pyodide_columns
from pullet.drivers.testing.tester import ColumnTester


def tester(home: Home, runner: ProcessRunner, sandbox: Sandbox) -> ColumnTester:
    """In the order in which a report shows them."""
    cpython, pages = CPython(runner, sandbox, home.scratch), Pages(runner, sandbox, home.scratch)
    kinds = (cpython, *pyodide_columns(home, runner, sandbox), pages)
    return ColumnTester(kinds, home.cache / "tests")
