"""Show what the tests of an app's releases said."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pullet.cli.options import app_argument, client, environment_option
from pullet.cli.show import clean, colour
from pullet.domain.codec import from_json
from pullet.domain.testing import Kept

_FORMATS = ("text", "json", "html", "junit", "wptreport")
_EXAMPLES = (
    "Examples:  pullet tests shop  |  pullet tests shop --format html -o tests.html  |  pullet tests shop --site public"
)


@click.command(epilog=_EXAMPLES)
@app_argument
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="How it is told."
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--release", type=click.IntRange(min=1), help="Which release. Default: the newest that was tested.")
@click.option("--history", default="", metavar="TEST", help="What this test ended in, release by release.")
@click.option("--site", type=click.Path(path_type=Path, file_okay=False), help="Write a page a release to this folder.")
@environment_option
def tests(
    app: str, form: str, output: Path | None, release: int | None, history: str, site: Path | None, environment: str
) -> None:
    """Show what the tests of APP's releases said.

    Exit code 0: nothing holds the release back, 1: tests fail that did not before, 3: not everything could be run.
    """
    from pullet.operations import telling_tests as telling  # noqa: PLC0415 - for this command only

    limit = 50 if history or site else 2
    answer = client().get(f"/v1/apps/{app}/tests", environment=environment, release=release, limit=limit)
    kept = from_json(Kept, answer)
    if site is not None:
        pages = telling.site(app, [(run.release, run.tested) for run in kept.runs], site)
        click.echo(f"Wrote {len(pages)} pages, {pages[0]} first", err=True)
        return
    if history:
        click.echo(telling.history_text(history, kept, colour))
        return
    report = telling.report_of(kept)
    if form == "wptreport" and output is not None:
        telling.write_wptreport(report.now, output)
    else:
        _write(telling.rendered(report, form, colour), output)
    sys.exit(telling.exit_code(report))


def _write(text: str, output: Path | None) -> None:
    if output is not None:
        output.write_text(text, "utf-8")
        click.echo(f"Wrote {clean(str(output))}", err=True)
    else:
        click.echo(text, nl=not text.endswith("\n"))
