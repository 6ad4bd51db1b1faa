"""Commands that look."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from pullet.cli.deploy import short
from pullet.cli.options import app_argument, client, environment_option, json_option
from pullet.cli.show import age, clean, colour, outcome, show_json, size, table


@click.command()
@click.argument("app", required=False)
@json_option
def status(app: str | None, as_json: bool) -> None:
    """Show the target, its environments, and whether each is as desired.

    Exit code 1 where an environment is not ready.
    """
    answer = client().get("/v1/status")
    chosen = [item for item in answer["environments"] if app in (None, item["app"])]
    answer["environments"] = chosen
    if as_json:
        show_json(answer)
    else:
        _show(answer)
    sys.exit(0 if all(_ready(item)["status"] for item in chosen) else 1)


def _show(answer: dict[str, Any]) -> None:
    click.echo(
        f"{colour('Pullet', 'cyan', bold=True)} {answer['version']}  target {answer['target']}"
        f"  port {answer['router_port']}  daemon {answer['daemon_pid']}  home {answer['home']}"
    )
    if answer["fleet_error"]:
        click.echo(colour(f"fleet: {clean(answer['fleet_error'])}", "red"))
    if not answer["environments"]:
        click.echo("Nothing is deployed yet: `pullet up PATH|URL`.")
    for environment in answer["environments"]:
        click.echo("")
        _show_environment(environment)


def _show_environment(environment: dict[str, Any]) -> None:
    ready = _ready(environment)
    word = colour("ready", "green") if ready["status"] else colour(ready["reason"], "red")
    release = f"release {environment['release']}  {short(environment['revision'])}" if environment["release"] else "-"
    click.echo(
        f"{colour(environment['app'], 'white', bold=True)}/{environment['environment']}  {word}  {clean(release)}"
    )
    click.echo(f"  {clean(environment['source'])}  {clean(environment['follows'])}")
    for url in environment["urls"]:
        click.echo(f"  {url}")
    if not ready["status"]:
        click.echo(f"  {clean(ready['message'])}  (for {age(ready['since'])})")
    elif any(c["reason"] == "RolledBack" for c in environment["conditions"]):
        click.echo(f"  {clean(next(c['message'] for c in environment['conditions'] if c['reason'] == 'RolledBack'))}")
    for heal in environment["heals"]:
        click.echo(f"  healed: {clean(heal)}")
    for process in environment["processes"]:
        name = f"{process['name']}.{process['index']}"
        click.echo(
            f"  {name}  {process['phase']}  pid {process['pid']}  {size(process['memory'])}"
            + (f"  {process['restarts']} restarts: {clean(process['reason'])}" if process["restarts"] else "")
        )
    for spare in environment["spares"]:
        click.echo(f"  {spare['process']} spare  pid {spare['pid']}  {size(spare['memory'])} waiting")


def _ready(environment: dict[str, Any]) -> dict[str, Any]:
    unknown = {"type": "Ready", "status": None, "reason": "Unknown", "message": "Not looked at yet.", "since": None}
    return next((c for c in environment["conditions"] if c["type"] == "Ready"), unknown)


@click.command()
@app_argument
@environment_option
@click.option("-n", "--limit", default=10, show_default=True, type=click.IntRange(1, 1000))
@json_option
def deployments(app: str, environment: str, limit: int, as_json: bool) -> None:
    """Show what became of each attempt to make a release live, the newest first."""
    answer = client().get(f"/v1/apps/{app}/deployments", environment=environment, limit=limit)
    if as_json:
        return show_json(answer)
    head = ("deployment", "release", "revision", "trigger", "outcome", "took", "when")
    table([_row(deployment) for deployment in answer], head)
    for deployment in answer[:1]:
        for step in deployment["steps"]:
            if step["outcome"] == "warned":
                click.echo(f"\n{deployment['number']}: {colour('warning', 'yellow')} {clean(step['message'])}")
    failed = next((deployment for deployment in answer if deployment["error"]), None)
    if failed is not None:
        click.echo(f"\n{failed['number']}: {clean(failed['error'])}")
        if failed["hint"]:
            click.echo(f"{colour('hint', 'cyan')} {clean(failed['hint'])}")
    return None


def _row(deployment: dict[str, Any]) -> tuple[str, ...]:
    took = f"{deployment['finished'] - deployment['started']:.2f} s" if deployment["finished"] else "-"
    revision = f"{clean(deployment['revision']['ref'])}@sha1:{deployment['revision']['sha'][:7]}"
    return (
        str(deployment["number"]),
        str(deployment["release"]),
        revision,
        deployment["trigger"],
        outcome(deployment["outcome"]),
        took,
        f"{age(deployment['started'])} ago",
    )


@click.command()
@app_argument
@click.argument("release", type=click.IntRange(min=1), required=False)
@environment_option
@json_option
def explain(app: str, release: int | None, environment: str, as_json: bool) -> None:
    """Show what Pullet inferred about an app, from which file and line.

    APP is an app that runs here, or the path of a folder such as `.` or `./shop`, which needs no daemon.
    """
    if _is_path(app):
        return _explain_folder(Path(app), as_json)
    answer = client().get(f"/v1/apps/{app}/explain", environment=environment, release=release)
    if as_json:
        return show_json(answer)
    for line in answer:
        click.echo(clean(line))
    return None


def _is_path(app: str) -> bool:
    return app in (".", "..") or os.sep in app


def _explain_folder(path: Path, as_json: bool) -> None:
    from pullet.analysis.detection import lines_of  # noqa: PLC0415 - detection, where no daemon does it
    from pullet.cli.configure import look  # noqa: PLC0415

    lines = list(lines_of(look(path, configured=True)[0]))
    if as_json:
        return show_json(lines)
    for line in lines:
        click.echo(clean(line))
    return None
