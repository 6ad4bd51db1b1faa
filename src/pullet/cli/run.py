"""One-off commands."""

from __future__ import annotations

import math
import os
import sys

import click

from pullet.cli.attached import run_attached, terminal_size
from pullet.cli.client import author, default_home
from pullet.cli.options import app_argument, environment_option
from pullet.domain.frames import AttachRequest
from pullet.domain.home import Home


def _seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:  # noqa: ARG001
    if value is not None and not 0 < value < math.inf:  # what is not a number is not greater either
        raise click.BadParameter(f"{value:g} is no time to wait; give seconds, as in 90 or 0.5")
    return value


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Examples:  pullet run shop -- python manage.py shell   ·   pullet run shop -- env | sort",
)
@app_argument
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@environment_option
@click.option(
    "--timeout", type=float, callback=_seconds, metavar="SECONDS", help="End it after this time, with exit code 124."
)
def run(app: str, command: tuple[str, ...], environment: str, timeout: float | None) -> None:
    """Run a command once, as the app: in the live release, with its variables, secrets and services.

    It has your terminal where you have one, and works in pipes. Its exit code is the exit code of this command.
    """
    size = terminal_size()
    request = AttachRequest(app, environment, command, author(), size, os.environ.get("TERM", "dumb"), timeout)
    sys.exit(run_attached(Home(default_home()), request))
