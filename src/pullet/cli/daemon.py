"""The daemon itself."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from pullet.cli.client import NotRunning, default_home
from pullet.cli.options import client, json_option
from pullet.cli.show import clean, colour, show_failure, show_json

_STOP_LIMIT = 60.0  # seconds


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Router port.  [default: as last time, else 8080]")
@click.option("--fleet", metavar="URL", help="Remote fleet repository; default: the local one in the home.")
@click.option("--target", metavar="NAME", help="Which directory of the fleet repository is this box.  [default: box]")
def serve(port: int | None, fleet: str | None, target: str | None) -> None:
    """Run the daemon in the foreground.

    Ctrl-C ends the daemon and nothing that it deployed: `pullet stop` ends everything.
    """
    from pullet.daemon import Options  # noqa: PLC0415 - half a second of imports
    from pullet.daemon import serve as serve_daemon  # noqa: PLC0415

    serve_daemon(Options(default_home(), port, target, fleet))


@click.command()
def stop() -> None:
    """Stop the daemon, the router and every process of this home.

    What should run stays in the fleet: the next `pullet serve` or `pullet up` brings it back.
    """
    api = client()
    try:
        pid = api.get("/v1/status")["daemon_pid"]
        api.post("/v1/stop")
    except NotRunning:
        click.echo(f"Nothing runs for {api.home.root}.")
        return
    deadline = time.monotonic() + _STOP_LIMIT
    while _alive(pid):
        if time.monotonic() > deadline:
            show_failure(
                "stop-failed", f"The daemon (pid {pid}) did not end in {_STOP_LIMIT:.0f} s", hint="See its log."
            )
            sys.exit(1)
        time.sleep(0.05)
    click.echo("Stopped.")


def _examine() -> Any:
    import asyncio  # noqa: PLC0415 - the daemon's imports, which no other command needs

    from pullet.daemon import examine  # noqa: PLC0415
    from pullet.domain.codec import to_json  # noqa: PLC0415

    return to_json(tuple(asyncio.run(examine(default_home()))))


def _alive(pid: int) -> bool:
    """A zombie has ended: whoever started it, a script perhaps, has not collected it yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what this box allows and what it does not. Needs no daemon."""
    try:
        answer = client().get("/v1/doctor")
    except NotRunning:
        answer = _examine()
    if as_json:
        return show_json(answer)
    for row in answer:
        mark = colour("✓", "green") if row["available"] else colour("✗", "yellow")
        click.echo(f"{mark} {row['name']}: {clean(row['detail'])}")
        if not row["available"] and row["hint"]:
            click.echo(f"    {clean(row['hint'])}")
    return None
