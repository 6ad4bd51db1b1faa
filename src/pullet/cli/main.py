"""Entry point of the `pullet` command."""

from __future__ import annotations

import click

from pullet import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Push to git; Pullet does the rest."""
