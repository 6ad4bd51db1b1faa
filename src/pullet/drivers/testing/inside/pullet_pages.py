"""What tests with Playwright get here: the box's own browser, as no other is installed."""

from __future__ import annotations

import os
from typing import Any

import pytest

VARIABLE = "PULLET_BROWSER"


class Pages:
    def pytest_configure(self, config: pytest.Config) -> None:
        """Registered now, the fixture comes after pytest-playwright's own and takes its place."""
        config.pluginmanager.register(_Launch())


class _Launch:
    @pytest.fixture(scope="session")
    def browser_type_launch_args(self) -> dict[str, Any]:
        """It runs in Pullet's sandbox, in which there is no room for one of its own."""
        args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        return {"executable_path": os.environ[VARIABLE], "headless": True, "args": args}
