"""Async tests and fixtures, in the one event loop that a browser has."""

from __future__ import annotations

import asyncio
import functools
import inspect
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pullet_host  # type: ignore[import-not-found]  # of JavaScript
import pytest
from pyodide.ffi import can_run_sync, run_sync  # type: ignore[import-not-found]

_REASON = "async code cannot be waited for in this runtime: it cannot switch stacks (JavaScript Promise Integration)"


class Waiting:
    def __init__(self, limit: float) -> None:
        """`limit`: seconds; nothing interrupts a wait in which no Python runs."""
        self._limit = limit

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "asyncio: an async test")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        names = pyfuncitem._fixtureinfo.argnames
        self._wait(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in names})
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> None:
        """As pytest does, of a function that is not async."""
        function = fixturedef.func
        if inspect.isasyncgenfunction(function):
            fixturedef.func = self._stepwise(function)
        elif inspect.iscoroutinefunction(function):
            fixturedef.func = self._plain(function)

    def _plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def fixture(*args: Any, **kwargs: Any) -> Any:
            return self._wait(function, *args, **kwargs)

        return fixture

    def _stepwise(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def fixture(*args: Any, **kwargs: Any) -> Iterator[Any]:
            steps = function(*args, **kwargs)
            yield self._wait(steps.__anext__)
            try:
                self._wait(steps.__anext__)
            except StopAsyncIteration:
                return
            pytest.fail("an async fixture yielded twice")

        return fixture

    def _wait(self, function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if not can_run_sync():
            pytest.skip(_REASON)
        kind, value = run_sync(self._watched(function(*args, **kwargs)))
        if kind == "late":
            pullet_host.late()
            signal.raise_signal(signal.SIGALRM)
        if kind == "raised":
            raise value
        return value

    async def _watched(self, waited: Awaitable[Any]) -> tuple[str, Any]:
        """What came of it, as a value: an exception would pass through JavaScript, and be another one afterwards."""
        task = asyncio.ensure_future(_ended(waited))
        done, _ = await asyncio.wait({task}, timeout=0.95 * self._limit)  # before the alarm of the page
        if not done:
            task.cancel()
            return "late", None
        return task.result()


async def _ended(waited: Awaitable[Any]) -> tuple[str, Any]:
    try:
        return "returned", await waited
    except BaseException as err:
        return "raised", err
