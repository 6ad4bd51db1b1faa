"""Previews: an environment a branch."""

from __future__ import annotations

from typing import Any

import click

from pullet.cli.deploy import finish
from pullet.cli.options import app_argument, client, json_option
from pullet.cli.show import clean, show_json, table
from pullet.domain.errors import UsageError


@click.command(
    epilog="Examples:  pullet previews shop --enable --clone-data-from production   ·   pullet previews shop --disable"
)
@app_argument
@click.option("--enable/--disable", "enable", default=None, help="Switch them on or off, as a commit in the fleet.")
@click.option("--branches", multiple=True, metavar="PATTERN", help="Such as 'feature/*'; may be given again.")
@click.option("--clone-data-from", metavar="NAME", help="Each begins with a copy of this environment's data.")
@click.option("--expire-after", metavar="TIME", help="Gone after this time without a commit, such as 7d.")
@click.option("--limit", type=click.IntRange(0, 1000), metavar="N", help="Most at a time.")
@json_option
def previews(
    app: str,
    enable: bool | None,
    branches: tuple[str, ...],
    clone_data_from: str | None,
    expire_after: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Show the previews of an app, or switch them on and off.

    With previews every branch that nothing else follows becomes an environment of its own, with a copy of the data, and
    goes with the branch after a last backup.
    """
    settings: dict[str, Any] = {
        "branches": list(branches) or None,
        "clone_data_from": clone_data_from,
        "expire_after": expire_after,
        "limit": limit,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    if enable is None and given:
        raise UsageError("Say --enable with these settings", hint=f"pullet previews {app} --enable …")
    if enable is not None:
        body = {"settings": given if enable else None}
        return finish(client().stream(f"/v1/apps/{app}/previews", body), as_json)
    answer = client().get(f"/v1/apps/{app}/previews")
    return show_json(answer) if as_json else _show(app, answer)


def _show(app: str, answer: dict[str, Any]) -> None:
    if not answer["enabled"]:
        click.echo(f"{app} has no previews. Switch them on with `pullet previews {app} --enable`.")
        return
    origin = f", data from {answer['clone_data_from']}" if answer["clone_data_from"] else ""
    expiry = f", gone after {answer['expire_after'] / 86400:g} d without a commit" if answer["expire_after"] else ""
    click.echo(f"branches {', '.join(map(clean, answer['branches']))}{origin}{expiry}, at most {answer['limit']}")
    rows: list[tuple[str, ...]] = [(clean(branch), clean(name)) for branch, name in answer["environments"]]
    rows += [(clean(branch), f"none: {clean(why)}") for branch, why in answer["passed_over"]]
    if rows:
        table(rows, ("branch", "environment"))
