"""Options that many commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pullet.cli.client import Client, default_home
from pullet.domain.errors import PulletError
from pullet.domain.home import Home
from pullet.domain.identity import PRODUCTION

F = TypeVar("F", bound=Callable[..., Any])


def client() -> Client:
    return Client(Home(default_home()))


def environment_option(command: F) -> F:
    return click.option(
        "-e", "--environment", default=PRODUCTION, show_default=True, metavar="NAME", help="Which environment."
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def app_argument(command: F) -> F:
    return click.argument("app", shell_complete=complete_app)(command)


def complete_app(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """The apps there are; none where no daemon answers."""
    try:
        environments = client().get("/v1/status")["environments"]
    except PulletError:
        return []
    return sorted({item["app"] for item in environments if item["app"].startswith(incomplete)})
