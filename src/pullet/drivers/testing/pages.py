"""The column of the app's own pages: its tests run in CPython, and what they open runs in the box's browser."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from pullet.drivers.confinement import Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.drivers.testing.cpython import CPython
from pullet.drivers.testing.pyodide.browsers import CHROMIUM
from pullet.ports import LogSink, Suite, Venue

_VARIABLE = "PULLET_BROWSER"  # what `inside/pullet_pages.py` looks at, which only an app's interpreter can import


class Pages:
    """The `ColumnKind`. The suite's variables say where the app answers: `PYTEST_BASE_URL`."""

    name = "pages"

    def __init__(self, runner: ProcessRunner, sandbox: Sandbox, scratch: Path) -> None:
        """`scratch`: a folder of Pullet's own."""
        self._cpython = CPython(runner, sandbox, scratch)

    @contextlib.asynccontextmanager
    async def prepare(self, suite: Suite, log: LogSink) -> AsyncIterator[Venue]:
        browser = await asyncio.to_thread(CHROMIUM.program)
        variables = {**suite.variables, _VARIABLE: str(browser)}
        async with self._cpython.prepare(replace(suite, variables=variables), log) as venue:
            yield venue

    def identity(self, suite: Suite) -> str:
        return self._cpython.identity(suite)
