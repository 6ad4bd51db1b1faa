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
    yield from _commands(main, context)


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inside = click.Context(command, info_name=name, parent=context, terminal_width=100)
        yield f"## {inside.command_path}\n\n```text\n{command.get_help(inside).strip()}\n```\n"
        if isinstance(command, click.Group):
            yield from _commands(command, inside)


if __name__ == "__main__":
    click.echo(render(), nl=False)
