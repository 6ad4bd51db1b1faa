"""Shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(epilog="Example:  echo 'eval \"$(pullet completion bash)\"' >> ~/.bashrc")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "pullet", "_PULLET_COMPLETE").source())
