"""Commands that look at a folder and write pullet.toml. They need no daemon."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pullet.cli.options import json_option
from pullet.cli.show import clean, colour, show_json
from pullet.domain.errors import UsageError

if TYPE_CHECKING:
    from pullet.analysis.detection.importing import Import, Item
    from pullet.domain.app import AppSpec

_FILE = "pullet.toml"


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option("--print", "only_print", is_flag=True, help="Print it and write nothing.")
@click.option("--force", is_flag=True, help="Replace a pullet.toml that is there.")
def init(path: Path, only_print: bool, force: bool) -> None:
    """Write what Pullet infers about the repository in PATH as a commented pullet.toml.

    Each line says why it is so and where that was read; runners-up stand beside it as comments. Where no file lists
    dependencies, requirements.txt is written too, from what the code imports.
    """
    from pullet.analysis.diagnosis.permanent import told_from_imports  # noqa: PLC0415
    from pullet.config.app_writing import write_app_file  # noqa: PLC0415 - models, for this command only

    spec, _ = look(path, configured=False)
    text = write_app_file(spec)
    if only_print:
        click.echo(text, nl=False)
        return
    write(path, text, force)
    target = path / spec.root / "requirements.txt"
    if (listed := told_from_imports(spec)) and not (target.exists() or target.is_symlink()):
        target.write_text(listed, "utf-8")
        click.echo(f"Wrote {target}")


@click.command("import")
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option("--write", "do_write", is_flag=True, help="Write pullet.toml instead of printing it.")
@click.option("--force", is_flag=True, help="Replace a pullet.toml that is there.")
@json_option
def import_(path: Path, do_write: bool, force: bool, as_json: bool) -> None:
    """Carry over what other platforms' files in PATH say: render.yaml, app.json, fly.toml, compose.yaml and others.

    Prints the pullet.toml that says the same, and what was kept, changed, and could not be carried.
    """
    from pullet.analysis.detection.importing import is_vendors  # noqa: PLC0415
    from pullet.config.app_writing import write_app_file  # noqa: PLC0415

    spec, report = look(path, configured=False)
    if not report.files:
        raise UsageError(f"{path} has no other platform's file", hint="`pullet init` writes down what is inferred.")
    text = write_app_file(spec, is_vendors)
    if do_write:
        write(path, text, force, quiet=as_json)
    if as_json:
        return show_json({"file": text, **dataclasses.asdict(report)})
    if not do_write:
        click.echo(text)
    for title, items in (("kept", report.kept), ("changed", report.changed), ("could not be carried", report.lost)):
        _show(title, items)
    return None


def look(path: Path, *, configured: bool) -> tuple[AppSpec, Import]:
    """What the app in a folder is, and what other platforms' files say. `configured`: heed its pullet.toml."""
    return asyncio.run(_look(path.resolve(), () if configured else (_FILE,)))


async def _look(path: Path, without: Sequence[str]) -> tuple[AppSpec, Import]:
    from pullet.analysis.detection import files_to_read  # noqa: PLC0415
    from pullet.analysis.detection.importing import read_import  # noqa: PLC0415
    from pullet.drivers.folder import FolderTree  # noqa: PLC0415
    from pullet.reconcile.understanding import understand_app  # noqa: PLC0415

    tree = FolderTree(path, without)
    spec = await understand_app(tree, path.name, tests=True)
    entries = [(entry.path, entry.size) for entry in await tree.entries()]
    wanted = {*files_to_read(entries), *files_to_read(entries, spec.root)}
    files = await tree.read(sorted(wanted))
    return spec, read_import([path for path, _ in entries], files, spec)


def write(folder: Path, text: str, force: bool, *, quiet: bool = False) -> None:
    """Whole or not at all. Raises UsageError where there is one that may not be replaced."""
    target = folder / _FILE
    if (target.exists() or target.is_symlink()) and not force:
        raise UsageError(f"{target} is there already", hint="--force replaces it; --print shows what would be written.")
    temporary = folder / f".{_FILE}.{secrets.token_hex(4)}"
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    if not quiet:
        click.echo(f"Wrote {target}")


def _show(title: str, items: Sequence[Item]) -> None:
    if items:
        click.echo(colour(f"{title}:", "cyan"))
    for item in items:
        click.echo(clean(f"  {item.what}\n      {item.where}: {item.why}"))
