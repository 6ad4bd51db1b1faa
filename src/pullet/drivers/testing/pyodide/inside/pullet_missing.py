"""What plugins add that are left out here: a project whose settings name their options is tested all the same."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

# (option, …), settings of argparse
_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("-n", "--numprocesses"), {}),
    (("--dist",), {}),
    (("--maxprocesses",), {}),
    (("--max-worker-restart",), {}),
    (("--loadscope-reorder",), {"action": "store_true"}),
    (("--cov",), {"nargs": "?", "action": "append", "const": True}),
    (("--cov-report",), {"nargs": "?", "action": "append"}),
    (("--cov-config",), {}),
    (("--cov-context",), {}),
    (("--cov-fail-under",), {}),
    (("--cov-precision",), {}),
    (("--cov-append",), {"action": "store_true"}),
    (("--cov-branch",), {"action": "store_true"}),
    (("--cov-reset",), {"action": "store_true"}),
    (("--no-cov",), {"action": "store_true"}),
    (("--no-cov-on-fail",), {"action": "store_true"}),
    (("--timeout",), {}),
    (("--timeout-method", "--timeout_method"), {}),
    (("--session-timeout",), {}),
    (("--asyncio-mode",), {}),
)
_SETTINGS = (
    "asyncio_mode",
    "asyncio_debug",
    "asyncio_default_fixture_loop_scope",
    "asyncio_default_test_loop_scope",
    "timeout",
    "timeout_method",
    "timeout_func_only",
    "session_timeout",
    "looponfailroots",
)
_MODULES = ("xdist", "pytest_cov", "pytest_timeout", "pytest_asyncio")
_MARKERS = ("timeout(seconds): of pytest-timeout", "xdist_group(name): of pytest-xdist", "no_cover: of pytest-cov")


class Missing:
    def __init__(self) -> None:
        for name in _MODULES:
            sys.modules.setdefault(name, _module(name))

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        for names, settings in _OPTIONS:
            _quietly(parser.getgroup("missing")._addoption, *names, **settings)
        for name in _SETTINGS:
            _quietly(parser.addini, name, "of a plugin that is not here", default=None)

    def pytest_configure(self, config: pytest.Config) -> None:
        for marker in _MARKERS:
            config.addinivalue_line("markers", marker)


def _quietly(add: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Another plugin may have it."""
    try:
        add(*args, **kwargs)
    except ValueError:
        return


def _module(name: str) -> types.ModuleType:
    """Enough for a conftest.py that imports it."""
    module = types.ModuleType(name)
    if name == "pytest_asyncio":
        module.fixture = _fixture  # type: ignore[attr-defined]
    return module


def _fixture(*args: Any, loop_scope: str | None = None, **kwargs: Any) -> Any:  # noqa: ARG001 - there is one loop
    return pytest.fixture(*args, **kwargs)
