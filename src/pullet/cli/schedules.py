"""Schedules of an app, and how they went."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click

from pullet.cli.options import app_argument, client, environment_option, json_option
from pullet.cli.show import age, clean, colour, show_json


@click.command(epilog="Examples:  pullet schedules shop   ·   pullet schedules shop cleanup")
@app_argument
@click.argument("name", required=False)
@environment_option
@click.option("--run", type=int, metavar="N", help="With NAME: the output of this run; default: the newest.")
@json_option
def schedules(app: str, name: str | None, environment: str, run: int | None, as_json: bool) -> None:
    """Show what runs at set times: when next, and how the last runs ended. With NAME: what a run wrote."""
    if name is not None:
        answer = client().get(f"/v1/apps/{app}/schedules/{name}/output", environment=environment, run=run)
        return show_json(answer) if as_json else click.echo("\n".join(map(clean, answer)))
    answer = client().get(f"/v1/apps/{app}/schedules", environment=environment)
    if as_json:
        return show_json(answer)
    if not answer:
        click.echo("The live release has no schedules.")
    for schedule in answer:
        _show(schedule)
    return None


def _show(schedule: dict[str, Any]) -> None:
    head = colour(clean(schedule["name"]), "white", bold=True)
    click.echo(f"{head}  {clean(schedule['cron'])} {clean(schedule['time_zone'])}  next {_when(schedule['next'])}")
    click.echo(f"  {clean(schedule['command'])}")
    for run in schedule["runs"]:
        click.echo(f"  {run['number']:>6}  {age(run['started'])} ago  {_outcome(run)}")


def _outcome(run: dict[str, Any]) -> str:
    if run["finished"] is None:
        return colour("running", "yellow")
    took = f"{run['finished'] - run['started']:.1f} s"
    if run["exit_code"] == 0:
        return f"{colour('ok', 'green')}  {took}"
    code = "" if run["exit_code"] is None else f"exit code {run['exit_code']}  "
    return f"{colour('failed', 'red')}  {took}  {code}{clean(run['message'])}".rstrip()


def _when(moment: float | None) -> str:
    if moment is None:
        return "never"
    shown = datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return f"{shown} (in {age(2 * time.time() - moment)})"
