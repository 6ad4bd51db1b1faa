"""Commands about data: services, copies, backups."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from pullet.cli.attached import run_attached, terminal_size
from pullet.cli.client import author, default_home
from pullet.cli.deploy import finish
from pullet.cli.options import app_argument, client, environment_option, json_option
from pullet.cli.show import age, clean, colour, show_json, size, table
from pullet.domain.errors import UsageError
from pullet.domain.frames import AttachRequest
from pullet.domain.home import Home

_service_option = click.option("--service", metavar="NAME", help="Which service; default: the only one.")
_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(invoke_without_command=True)
@click.option("--app", help="Of this app only.")
@json_option
@click.pass_context
def services(context: click.Context, app: str | None, as_json: bool) -> None:
    """List databases, servers, files and volumes, also those that no app asks for any more."""
    if context.invoked_subcommand is not None:
        return None
    answer = client().get("/v1/services", app=app)
    if as_json:
        return show_json(answer)
    rows: list[tuple[str, ...]] = [_service_row(row) for row in answer]
    table(rows, ("environment", "service", "type", "state", "size", ""))
    return None


def _service_row(row: dict[str, Any]) -> tuple[str, ...]:
    state = colour("running", "green") if row["running"] else colour("down", "red")
    note = "" if row["asked_for"] else colour("no release asks for it", "yellow")
    return (f"{row['app']}/{row['environment']}", clean(row["name"]), row["type"], state, size(row["size"]), note)


@services.command(epilog="Example:  pullet services remove shop old-cache")
@app_argument
@click.argument("name")
@environment_option
@_yes_option
@json_option
def remove(app: str, name: str, environment: str, yes: bool, as_json: bool) -> None:
    """Delete a service's data for good. Refused while the live release asks for it."""
    _confirm(f"Delete the data of {name} of {app}/{environment} for good?", yes)
    finish(client().stream(f"/v1/apps/{app}/services/{name}/remove", environment=environment), as_json)


@click.group(
    epilog="Examples:  pullet db dump shop /tmp/shop.dump   ·   pullet db clone shop -e staging --from production"
)
def db() -> None:
    """Look into the data of one service, dump, restore and copy them: a database, a server's, a file or a volume."""


@db.command()
@app_argument
@environment_option
@_service_option
def shell(app: str, environment: str, service: str | None) -> None:
    """Open psql, redis-cli, sqlite3 or a shell in the volume, with the app's own rights."""
    request = AttachRequest(
        app, environment, (), author(), terminal_size(), os.environ.get("TERM", "dumb"), service=service or ""
    )
    sys.exit(run_attached(Home(default_home()), request))


@db.command()
@app_argument
@click.argument("file", type=click.Path(path_type=Path))
@environment_option
@_service_option
@json_option
def dump(app: str, file: Path, environment: str, service: str | None, as_json: bool) -> None:
    """Write a service's data into a new FILE, consistent in itself."""
    body = {"path": str(file.absolute())}
    finish(client().stream(f"/v1/apps/{app}/dump", body, environment=environment, service=service), as_json)


@db.command("restore")
@app_argument
@click.argument("file", type=click.Path(path_type=Path), required=False)
@environment_option
@_service_option
@click.option("--snapshot", is_flag=True, help="Not a file: as it was before the last release commands.")
@_yes_option
@json_option
def restore_dump(
    app: str,
    file: Path | None,
    environment: str,
    service: str | None,
    snapshot: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Replace a service's data by what `dump` wrote to FILE, or by a snapshot. The app stands still meanwhile."""
    if (file is None) != snapshot:
        raise UsageError("Name a file, or say --snapshot", hint=f"pullet db restore {app} FILE")
    _confirm(f"Replace the data of {app}/{environment} by {file or 'the snapshot'}?", yes)
    body = {"path": str(file.absolute()) if file else None}
    finish(client().stream(f"/v1/apps/{app}/load", body, environment=environment, service=service), as_json)


@db.command()
@app_argument
@click.option("--from", "origin", required=True, metavar="NAME", help="The environment to copy from.")
@environment_option
@_service_option
@_yes_option
@json_option
def clone(app: str, origin: str, environment: str, service: str | None, yes: bool, as_json: bool) -> None:
    """Replace the data of an environment by a copy of another one's. The other one goes on undisturbed."""
    _confirm(f"Replace the data of {app}/{environment} by a copy of {app}/{origin}?", yes)
    answer = client().stream(f"/v1/apps/{app}/clone", environment=environment, origin=origin, service=service)
    finish(answer, as_json)


@click.command(epilog="Examples:  pullet backup   ·   pullet backup shop -e staging")
@click.argument("app", required=False)
@environment_option
@json_option
def backup(app: str | None, environment: str, as_json: bool) -> None:
    """Back up one environment of APP, or the whole target."""
    finish(client().stream("/v1/backup", app=app, environment=environment), as_json)


@click.command()
@json_option
def backups(as_json: bool) -> None:
    """List the backups there are, the newest first."""
    answer = list(reversed(client().get("/v1/backups")))
    if as_json:
        return show_json(answer)
    rows: list[tuple[str, ...]] = [
        (row["id"][:8], f"{age(row['at'])} ago", row["target"], row["reason"], str(row["files"]), size(row["size"]))
        for row in answer
    ]
    table(rows, ("backup", "when", "target", "reason", "files", "size"))
    return None


@click.command(epilog="Examples:  pullet restore shop  ·  pullet restore shop --service db  ·  pullet restore --all")
@click.argument("app", required=False)
@environment_option
@_service_option
@click.option("--backup", metavar="ID", help="Which backup; default: the newest that has it.")
@click.option("--all", "everything", is_flag=True, help="Every environment: on a new machine.")
@_yes_option
@json_option
def restore(
    app: str | None,
    environment: str,
    service: str | None,
    backup: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Put data back as a backup has them: of one service, of one environment, or of everything.

    The backup is read and verified first; the app stands still only while its data are replaced.
    """
    if everything == bool(app):
        raise UsageError("Name an app, or say --all", hint="pullet restore APP, or pullet restore --all")
    _confirm(f"Replace the data of {f'{app}/{environment}' if app else 'everything'} by a backup?", yes)
    answer = client().stream("/v1/restore", app=app, environment=environment, service=service, backup=backup)
    finish(answer, as_json)


def _confirm(question: str, yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise UsageError(question, hint="Say --yes where nobody can be asked.")
    if not yes:
        click.confirm(question, abort=True, err=True)
