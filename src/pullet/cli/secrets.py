"""Secrets of an app. A value comes from standard input, a file or a hidden prompt: never from the command line, which
every user of the box can read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pullet.cli.client import NotRunning
from pullet.cli.deploy import finish
from pullet.cli.options import app_argument, client, environment_option, json_option
from pullet.cli.show import clean, colour, show_json, table
from pullet.domain.errors import UsageError
from pullet.domain.secrets import VALUE_LIMIT, SecretPlace, check_value

_COLOURS = {"sealed": "green", "generated": "green", "unreadable": "red", "missing": "red"}
_name_argument = click.argument("name", metavar="KEY")
_file_option = click.option(
    "--from-file", metavar="F", type=click.Path(path_type=Path), help="Read the value from a file."
)


@click.group()
def secrets() -> None:
    """Set, list and rotate the secrets of an app.

    A secret is sealed to this target's key and kept in the fleet; only the app's processes see its value.
    """


@secrets.command(
    "set", epilog="Examples:  pullet secrets set shop STRIPE_KEY   ·   … < key.txt   ·   … --from-file key"
)
@app_argument
@_name_argument
@environment_option
@_file_option
@click.option("--any-environment", is_flag=True, help="Environments that clone this one can open it too.")
@json_option
def set_secret(
    app: str, name: str, environment: str, from_file: Path | None, any_environment: bool, as_json: bool
) -> None:
    """Set a secret and redeploy.

    The value comes from standard input where that is a pipe or a file, else from a hidden prompt. The line end after a
    value of one line is dropped.
    """
    SecretPlace(app, environment, name)
    api = client()
    api.get("/v1/key")  # nobody should type a value that nobody takes
    body = {"value": _value(name, from_file), "any_environment": any_environment}
    finish(api.stream(f"/v1/apps/{app}/secrets/{name}", body, environment=environment), as_json)


@secrets.command("list")
@app_argument
@environment_option
@json_option
def list_secrets(app: str, environment: str, as_json: bool) -> None:
    """List the secrets of an app and how each is set. Values are never shown."""
    answer = client().get(f"/v1/apps/{app}/secrets", environment=environment)
    if as_json:
        return show_json(answer)
    rows: list[tuple[str, ...]] = [
        (row["name"], colour(row["state"], _COLOURS.get(row["state"], "yellow")), clean(row["asked_for"]))
        for row in answer
    ]
    table(rows, ("secret", "state", "asked for in"))
    for row in answer:
        if row["trouble"]:
            click.echo(clean(row["trouble"]))
    return None


@secrets.command()
@app_argument
@_name_argument
@environment_option
@json_option
def unset(app: str, name: str, environment: str, as_json: bool) -> None:
    """Take a secret out of the fleet and redeploy."""
    SecretPlace(app, environment, name)
    finish(client().stream(f"/v1/apps/{app}/secrets/{name}/unset", environment=environment), as_json)


@secrets.command()
@app_argument
@_name_argument
@environment_option
@json_option
def rotate(app: str, name: str, environment: str, as_json: bool) -> None:
    """Give a generated secret a new value and redeploy."""
    SecretPlace(app, environment, name)
    finish(client().stream(f"/v1/apps/{app}/secrets/{name}/rotate", environment=environment), as_json)


@secrets.command()
@app_argument
@_name_argument
@environment_option
@_file_option
@click.option("--recipient", metavar="PUBLIC", help="The target's public key (`pullet key`); default: this box's.")
def seal(app: str, name: str, environment: str, from_file: Path | None, recipient: str | None) -> None:
    """Seal a secret without setting it, and print the line for a fleet file.

    With --recipient no daemon is needed, so that it works on any machine. `-e '*'` seals for every environment of the
    app.
    """
    from pullet.drivers.sealing import seal as seal_for  # noqa: PLC0415 - brings the cryptography

    place = SecretPlace(app, environment, name)
    key = recipient or client().get("/v1/key")
    click.echo(f'{name} = "{seal_for(key, place, _value(name, from_file))}"')
    where = environment if environment != "*" else "ENVIRONMENT"
    click.echo(f"It goes under [environments.{where}.secrets] in targets/TARGET/apps/{app}.toml.", err=True)


@click.command()
def key() -> None:
    """Print this target's public key: everybody may seal secrets with it."""
    api = client()
    try:
        click.echo(api.get("/v1/key"))
    except NotRunning:
        if not api.home.root.is_dir():
            raise
        from pullet.drivers.sealing import TargetKey  # noqa: PLC0415 - brings the cryptography

        click.echo(TargetKey(api.home.target_key).recipient)


def _value(name: str, file: Path | None) -> str:
    if file is None and sys.stdin.isatty():
        value: str = click.prompt(name, hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = _text(name, file)
    check_value(name, value)
    return value


def _text(name: str, file: Path | None) -> str:
    try:
        with file.open("rb") if file else sys.stdin.buffer as stream:
            data = stream.read(VALUE_LIMIT + 3)
    except OSError as err:
        raise UsageError(f"{file or 'standard input'} cannot be read", context=str(err)) from err
    if len(data) > VALUE_LIMIT + 2:
        raise UsageError(f"The value for {name} cannot be used: {VALUE_LIMIT >> 10} KiB is the limit")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UsageError(f"The value for {name} cannot be used: it is no text (UTF-8)") from None
    return text.rstrip("\r\n") if len(text.splitlines()) == 1 else text
