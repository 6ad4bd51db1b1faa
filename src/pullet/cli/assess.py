"""Assess the security of a folder, or show what was found of an app's releases."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pullet.cli.client import default_home
from pullet.cli.options import client, complete_app, environment_option
from pullet.cli.show import clean, colour
from pullet.domain.codec import from_json
from pullet.domain.errors import NotFound, UsageError
from pullet.domain.security import Assessed, PartState, Severity

_EXIT = {PartState.PASSED: 0, PartState.HELD_BACK: 1, PartState.NOT_ASSESSED: 3}
_FORMATS = ("text", "sarif", "html", "json", "cyclonedx")
_FAIL_ON = [str(severity) for severity in Severity if severity is not Severity.NOTE]
_EXAMPLES = "Examples:  pullet assess .  |  pullet assess --base origin/main --format sarif  |  pullet assess shop"


@click.command(epilog=_EXAMPLES)
@click.argument("target", default=".", shell_complete=complete_app)
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="How it is told."
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--base", metavar="REVISION", default="", help="Only what is new against this revision holds back.")
@click.option("--fail-on", type=click.Choice(_FAIL_ON), help="Hold back from this severity on. Default: pullet.toml's.")
@click.option("--python", type=click.Path(path_type=Path, exists=True), help="Interpreter with the app's dependencies.")
@click.option("--advisories", default="", metavar="URL", help="Another advisory database: a git repository.")
@click.option("--url", default="", help="Also attack a running instance; with --i-own-it only.")
@click.option("--i-own-it", is_flag=True, help="The instance at --url is yours, and may be attacked.")
@click.option("--release", type=click.IntRange(min=1), help="Of an app: which release. Default: the newest.")
@environment_option
@click.pass_context
def assess(ctx: click.Context, /, **_given: object) -> None:
    """Assess the security of the folder TARGET, or show what was found of the app TARGET.

    A folder needs no daemon; what git ignores is left out. Exit code 0: passed, 1: held back, 2: usage, 3: not
    everything could be assessed, which is never a pass.
    """
    given = ctx.params
    if given["url"] and not given["i_own_it"]:
        hint = "Add --i-own-it where the instance is yours, and may be attacked."
        raise UsageError(f"{given['url']} would be attacked", hint=hint)
    found = _of_folder(given) if _is_folder(given["target"]) else _of_app(given)
    _write(_rendered(found, given["form"]), given["output"])
    sys.exit(_EXIT[found.newest.state])


def _is_folder(target: str) -> bool:
    return "/" in target or target in (".", "..") or Path(target).is_dir()


def _of_folder(given: Mapping[str, Any]) -> Assessed:
    from pullet.operations.assess import Wanted, assess_folder  # noqa: PLC0415 - the engines, for this command only

    wanted = Wanted(
        Path(given["target"]),
        base=given["base"],
        fail_on=Severity(given["fail_on"]) if given["fail_on"] else None,
        url=given["url"],
        advisories=given["advisories"],
        python=given["python"].absolute() if given["python"] else None,
        active=os.path.realpath(active) if (active := os.environ.get("VIRTUAL_ENV")) else "",
    )
    return asyncio.run(assess_folder(wanted, default_home(), _progress))


def _of_app(given: Mapping[str, Any]) -> Assessed:
    for option in ("base", "fail_on", "url", "python", "advisories"):
        if given[option]:
            named = f"--{option.replace('_', '-')}"
            raise UsageError(f"{named} is for folders", hint=f"{given['target']!r} is no folder here; write ./NAME.")
    answer = client().get(
        f"/v1/apps/{given['target']}/assessments", environment=given["environment"], release=given["release"]
    )
    return from_json(Assessed, answer)


def _progress(line: str, /) -> None:
    if sys.stderr.isatty():
        click.echo(colour(clean(line), "bright_black"), err=True)


def _rendered(found: Assessed, form: str) -> str:
    from pullet.operations import assessment_page, telling  # noqa: PLC0415 - templates, for this command only

    match form:
        case "sarif":
            return telling.sarif(found)
        case "html":
            return assessment_page.html(found)
        case "json":
            return telling.json_text(found)
        case "cyclonedx":
            if not (document := found.newest.document):
                hint = (
                    "It is made of what is installed, else of what is locked: name an interpreter with --python,"
                    " or commit a lock."
                )
                raise NotFound("There is no bill of materials", hint=hint)
            return document
    return telling.text(found, colour)


def _write(text: str, output: Path | None) -> None:
    if output is not None:
        output.write_text(text, "utf-8")
        click.echo(f"Wrote {output}", err=True)
    else:
        click.echo(text, nl=not text.endswith("\n"))
