"""How things look in a terminal: colours that respect NO_COLOR and pipes, one word a state."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import click

from pullet.domain.errors import PulletError

_COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "rolled-back": "red",
    "running": "yellow",
    "warned": "yellow",
    "superseded": "bright_black",
}


def colour(text: str, name: str, **more: Any) -> str:
    """`text` in a colour; plain where NO_COLOR is set (no-color.org). click drops it where output is no terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=name, **more)


def show_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def show_error(err: PulletError) -> None:
    show_failure(err.code, err.message, err.context, err.hint)


def show_failure(code: str, message: str, context: str = "", hint: str = "") -> None:
    click.echo(f"{colour('error', 'red', bold=True)} [{code}] {clean(message)}", err=True)
    for line in clean(context).splitlines()[-30:]:
        click.echo(f"  {colour('|', 'bright_black')} {line}", err=True)
    if hint:
        click.echo(f"{colour('hint', 'cyan')} {clean(hint)}", err=True)


def exit_code(error_code: str) -> int:
    """2 for a request that makes no sense, 1 for one that failed."""
    return 2 if error_code in ("usage", "not-found", "not-running") else 1


def outcome(text: str) -> str:
    return colour(text, _COLOURS.get(text, "white"))


def clean(text: str) -> str:
    """Without control characters: an app's output must not drive the reader's terminal."""
    return "".join(c for c in text if c in "\n\t" or (c.isprintable()))


def age(then: float | None) -> str:
    """`3 min` and the like since a time in seconds since the epoch."""
    if then is None:
        return "-"
    seconds = max(0.0, time.time() - then)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> None:
    """Columns as wide as they need to be; colours do not count."""
    cells = [head, *rows]
    widths = [max(len(click.unstyle(row[i])) for row in cells) for i in range(len(head))]
    for index, row in enumerate(cells):
        line = "  ".join(
            cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)
        )
        click.echo(colour(line.rstrip(), "bright_black") if index == 0 else line.rstrip())


def is_live_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
