"""docs/reference/commands.md from the commands themselves: `python -m pullet.cli.reference` prints it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pullet.cli.main import main

_HEAD = """\
# Commands

Made from the commands' own help by `python -m pullet.cli.reference`; a test keeps it so.
"""


def render() -> str:
    return "\n".join((_HEAD, *_sections()))


def _sections() -> Iterator[str]:
    context = main.make_context("pullet", ["--"], resilient_parsing=True, terminal_width=100)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        help_text = command.get_help(click.Context(command, info_name=name, parent=context, terminal_width=100))
        yield f"## pullet {name}\n\n```text\n{help_text.strip()}\n```\n"


if __name__ == "__main__":
    click.echo(render(), nl=False)
