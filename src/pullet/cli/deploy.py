"""Commands that change what should run: each is a commit in the fleet repository, then progress until it is so."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from pullet.cli.options import app_argument, client, environment_option, json_option
from pullet.cli.progress import ProgressView
from pullet.cli.show import colour, exit_code, show_failure, show_json
from pullet.domain.errors import UsageError


@click.command(epilog="Examples:  pullet up .   ·   pullet up https://git.example.org/acme/shop.git --branch main")
@click.argument("repository", metavar="PATH|URL")
@click.option("--branch", metavar="B", help="Branch to follow; default: the repository's own.")
@click.option("--name", metavar="N", help="Name of the app; default: the repository's.")
@click.option("--port", type=click.IntRange(1, 65535), help="Router port, when the daemon starts.  [default: 8080]")
@click.option("--fleet", metavar="URL", help="Remote fleet repository, when the daemon starts.")
@json_option
def up(
    repository: str, branch: str | None, name: str | None, port: int | None, fleet: str | None, as_json: bool
) -> None:
    """Deploy a git repository as `production`, and keep it deployed.

    Starts the daemon where it does not run, prints the URL when the release is live. From then on every new commit of
    the branch is deployed by itself.
    """
    api = client()
    if api.ensure_daemon(port, fleet) and not as_json:
        click.echo(f"Started Pullet in {api.home.root}", err=True)
    body = {"url": _resolved(repository), "branch": branch, "name": name}
    finish(api.stream("/v1/up", body), as_json)


def _resolved(repository: str) -> str:
    """A path becomes absolute, since the daemon stands elsewhere; a URL stays as it is."""
    path = Path(repository).expanduser()
    if path.exists():
        return str(path.resolve())
    if "://" in repository or (":" in repository and not repository.startswith((".", "/"))):
        return repository
    raise UsageError(f"{repository} is neither a folder nor a URL", hint="pullet up PATH, or pullet up https://…")


@click.command()
@app_argument
@environment_option
@json_option
def sync(app: str, environment: str, as_json: bool) -> None:
    """Poll now and deploy what is new; a revision that failed gets another try."""
    finish(client().stream(f"/v1/apps/{app}/sync", environment=environment), as_json)


@click.command(epilog="Examples:  pullet rollback shop   ·   pullet rollback shop 12")
@app_argument
@click.argument("release", type=click.IntRange(min=1), required=False)
@environment_option
@json_option
def rollback(app: str, release: int | None, environment: str, as_json: bool) -> None:
    """Go back to RELEASE, or to the one before the live one.

    It holds: the revision rolled back from is skipped until a newer commit comes. `pullet deployments APP` lists the
    releases.
    """
    finish(client().stream(f"/v1/apps/{app}/rollback", environment=environment, release=release), as_json)


@click.command()
@app_argument
@environment_option
@json_option
def suspend(app: str, environment: str, as_json: bool) -> None:
    """Stop an app's processes and keep everything else; its hostnames answer 503."""
    finish(client().stream(f"/v1/apps/{app}/suspend", environment=environment), as_json)


@click.command()
@app_argument
@environment_option
@json_option
def resume(app: str, environment: str, as_json: bool) -> None:
    """Start a suspended app."""
    finish(client().stream(f"/v1/apps/{app}/resume", environment=environment), as_json)


@click.command()
@app_argument
@json_option
def down(app: str, as_json: bool) -> None:
    """Remove an app from this target: its processes, routes and releases. Its history stays."""
    finish(client().stream(f"/v1/apps/{app}/down"), as_json)


def finish(progress: Iterable[dict[str, Any]], as_json: bool) -> None:
    """Show progress to its end; exit 1 where what was asked for did not come about."""
    view, last = ProgressView(quiet=as_json), None
    with view:
        for last in progress:
            view.show(last)
    if last is None or not last["done"]:
        show_failure(
            "interrupted", "The daemon went away before it was done", hint="`pullet status` shows where it stands."
        )
        sys.exit(1)
    if as_json:
        show_json(last)
    elif last["ok"]:
        _show_result(last)
    else:
        show_failure(last["error_code"] or "failed", last["error"], last["context"], last["hint"])
        _show_what_serves(last["status"])
    sys.exit(0 if last["ok"] else exit_code(last["error_code"]))


def _show_result(last: dict[str, Any]) -> None:
    if last["message"]:
        click.echo(last["message"])
    status = last["status"]
    if status is None:
        return
    suspended = any(c["type"] == "Suspended" and c["status"] for c in status["conditions"])
    word = colour("suspended", "yellow") if suspended else colour("live", "green", bold=True)
    click.echo(f"{status['app']} is {word} {'' if suspended else short(status['revision'])}".rstrip())
    for url in status["urls"]:
        click.echo(url)


def _show_what_serves(status: dict[str, Any] | None) -> None:
    if status and status["revision"]:
        click.echo(f"{short(status['revision'])} (release {status['release']}) goes on serving.", err=True)


def short(revision: str) -> str:
    """`main@sha1:1a2b3c4` of a whole revision."""
    ref, separator, sha = revision.partition("@sha1:")
    return f"{ref}{separator}{sha[:7]}"
