"""Run a folder's tests, in one runtime or several."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pullet.cli.client import default_home
from pullet.cli.show import clean, colour
from pullet.domain.testing import Tested

_COLUMNS = ("cpython", "chromium", "firefox", "node")
_EXAMPLES = "Examples:  pullet test --on cpython,node  |  pullet test --changed --watch  |  pullet test . -- -k cart"
_FILE = click.Path(path_type=Path, dir_okay=False)


def _columns(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:  # noqa: ARG001
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise click.BadParameter(f"There is no column {unknown[0]!r}; there are {', '.join(_COLUMNS)}.")
    if not names:
        raise click.BadParameter(f"Name a column; there are {', '.join(_COLUMNS)}.")
    return names


@click.command(epilog=_EXAMPLES)
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("arguments", nargs=-1)
@click.option("--on", callback=_columns, default="cpython", show_default=True, help="Runtimes, with commas between.")
@click.option("--changed", is_flag=True, help="Only tests that what is not committed yet can make a difference to.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes, until Ctrl-C.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="How it is told.")
@click.option("--junit", type=_FILE, help="Write JUnit XML to this file.")
@click.option("--wptreport", type=_FILE, help="Write wptreport.json to this file; of several columns one a column.")
@click.option("--html", type=_FILE, help="Write a page to this file.")
@click.option("--python", type=click.Path(path_type=Path, exists=True), help="Interpreter with the app's dependencies.")
@click.option("--limit", type=click.FloatRange(min=0.1), help="Seconds for one test. Default: pullet.toml's, or 60.")
@click.option("--shards", type=click.IntRange(min=0), default=0, help="Interpreters side by side. Default: what pays.")
@click.option("--network", is_flag=True, help="Let tests reach other machines.")
@click.option("--fresh", is_flag=True, help="Run everything, also where nothing has changed.")
@click.pass_context
def test(ctx: click.Context, /, **_given: object) -> None:
    """Run the tests of the folder PATH; ARGUMENTS after `--` are pytest's.

    They run on a copy of what git knows of the folder. Exit code 0: all as expected, 1: tests fail, 2: usage, 3: a
    column could not run, which is never a pass.
    """
    given = ctx.params
    sys.exit(asyncio.run(_watch(given) if given["watch"] else _once(given)))


async def _once(given: Mapping[str, Any]) -> int:
    from pullet.operations.testing import test_folder  # noqa: PLC0415 - for this command only

    return _tell(await test_folder(_wanted(given), default_home(), _progress), given)


async def _watch(given: Mapping[str, Any]) -> int:
    from pullet.operations.testing import watch_folder  # noqa: PLC0415

    async for tested in watch_folder(_wanted(given), default_home(), _progress):
        _tell(tested, given)
        click.echo(colour("Waiting for a change; Ctrl-C ends.", "bright_black"), err=True)
    return 0


def _wanted(given: Mapping[str, Any]) -> Any:
    from pullet.operations.testing import Wanted  # noqa: PLC0415

    return Wanted(
        given["path"],
        given["on"],
        given["arguments"],
        given["python"],
        given["limit"],
        given["shards"],
        given["network"],
        given["fresh"],
        changed=given["changed"],
    )


def _tell(tested: Tested, given: Mapping[str, Any]) -> int:
    """The exit code."""
    from pullet.operations import telling_tests as telling  # noqa: PLC0415

    report = telling.Report(given["path"].resolve().name, tested)
    for name in ("html", "junit"):
        if given[name] is not None:
            given[name].write_text(telling.rendered(report, name, colour), "utf-8")
    if given["wptreport"] is not None:
        telling.write_wptreport(tested, given["wptreport"])
    click.echo(telling.rendered(report, given["form"], colour))
    return telling.exit_code(report)


def _progress(line: str, /) -> None:
    if sys.stderr.isatty():
        click.echo(colour(clean(line), "bright_black"), err=True)
