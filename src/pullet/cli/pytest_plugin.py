"""A pytest plugin: `pytest --pullet-on chromium` runs the collected tests there, and reports them as its own.

So editors, and whatever else drives pytest, run tests in a browser as they run any other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pullet.domain.testing import Column, Result, Tested

_OPTION = "--pullet-on"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pullet")
    group.addoption(
        _OPTION,
        metavar="COLUMN[,COLUMN]",
        default="",
        help="run the tests in these runtimes of Pullet instead: chromium, firefox, node, cpython",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """None: pytest runs them itself."""
    names = [name.strip() for name in session.config.getoption(_OPTION).split(",") if name.strip()]
    if not names or session.config.option.collectonly:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    tested = _tested(session, tuple(names))
    for column in tested.columns:
        if column.trouble:
            hint = f" ({column.hint})" if column.hint else ""
            pytest.exit(f"{column.name} could not run: {column.trouble}{hint}", returncode=3)
    for item in session.items:
        _report(item, [(column, _result(column, item.nodeid)) for column in tested.columns])
    return True


def _tested(session: pytest.Session, names: tuple[str, ...]) -> Tested:
    """Raises pytest.UsageError for what Pullet refuses."""
    from pullet.cli.client import default_home  # noqa: PLC0415 - only who asks for it pays for it
    from pullet.domain.errors import PulletError  # noqa: PLC0415
    from pullet.operations.testing import Wanted, test_folder  # noqa: PLC0415

    ids = tuple(item.nodeid for item in session.items)
    try:
        return asyncio.run(test_folder(Wanted(session.config.rootpath, names, only=ids), default_home(), _unheard))
    except PulletError as err:
        raise pytest.UsageError(str(err)) from err


def _unheard(line: str, /) -> None:
    """pytest shows its own progress."""


def _result(column: Column, test: str) -> Result | None:
    return next((result for result in column.results if result.case.id == test), None)


def _report(item: pytest.Item, found: list[tuple[Column, Result | None]]) -> None:
    """One report of the call, which is as good as the worst column."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    outcome: Any = "passed"
    told, duration = "", 0.0
    for column, result in found:
        duration += result.duration if result is not None else 0.0
        if result is None or not result.status.good:
            status = result.status if result is not None else "ERROR"
            message = result.message if result is not None else "Nobody said what became of it."
            outcome, told = "failed", f"{told}{status} in {column.name}\n{message}\n"
    if outcome == "passed" and all(result is not None and result.status == "SKIP" for _, result in found):
        outcome = "skipped"
        told = next(result.message for _, result in found if result is not None)
    path, line, _ = item.location
    longrepr: Any = (path, line, told) if outcome == "skipped" else told or None
    report = pytest.TestReport(
        item.nodeid, item.location, dict.fromkeys(item.keywords, 1), outcome, longrepr, "call", duration=duration
    )
    hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
