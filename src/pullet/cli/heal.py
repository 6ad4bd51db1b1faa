"""What Pullet changed so that a release runs, and the patch that makes it permanent."""

from __future__ import annotations

import click

from pullet.cli.options import app_argument, client, environment_option, json_option
from pullet.cli.show import clean, show_json


@click.command(epilog="Example:  pullet heal shop | git apply")
@app_argument
@click.argument("release", type=click.IntRange(min=1), required=False)
@environment_option
@json_option
def heal(app: str, release: int | None, environment: str, as_json: bool) -> None:
    """Print the patch that makes permanent what healing changed for RELEASE, or for the live one.

    The patch goes to standard output, what was changed and why to standard error.
    """
    answer = client().get(f"/v1/apps/{app}/heal", environment=environment, release=release)
    if as_json:
        return show_json(answer)
    for line in answer["heals"] or ("Nothing was changed.",):
        click.echo(clean(line), err=True)
    click.echo(clean(answer["patch"]), nl=False)
    return None
