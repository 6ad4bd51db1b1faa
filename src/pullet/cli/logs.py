"""What an app wrote."""

from __future__ import annotations

import click

from pullet.cli.options import app_argument, client, environment_option
from pullet.cli.show import clean


@click.command(epilog="Examples:  pullet logs shop -f   ·   pullet logs shop --deployment 3")
@app_argument
@environment_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", default=100, show_default=True, type=click.IntRange(0, 100_000))
@click.option("--deployment", type=click.IntRange(min=1), metavar="N", help="The step logs of a deployment instead.")
def logs(app: str, environment: str, follow: bool, lines: int, deployment: int | None) -> None:
    """Show what an app's processes wrote, oldest first."""
    query: dict[str, object] = {"environment": environment, "lines": lines, "follow": follow, "deployment": deployment}
    for line in client().lines(f"/v1/apps/{app}/logs", **query):
        click.echo(clean(line))
