"""Live progress of a deployment on standard error: a line a step, the present one ticking where there is a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import click

from pullet.cli.show import clean, colour, is_live_terminal, outcome

_MARKS = {"succeeded": ("✓", "green"), "failed": ("✗", "red"), "running": ("…", "yellow"), "warned": ("!", "yellow")}


class ProgressView:
    """Fed with `Progress` values as the API sends them."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = is_live_terminal() and not quiet
        self._deployment = 0
        self._finished: set[tuple[int, int]] = set()
        self._status: Any = None

    def __enter__(self) -> ProgressView:
        if self._live:
            from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

            self._status = Console(stderr=True).status("", spinner="dots")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, progress: dict[str, Any]) -> None:
        if self._quiet:
            return
        if progress["message"] and not progress["done"]:
            self._say(clean(progress["message"]))
            self._tick(clean(progress["message"]))
        if progress["deployment"]:
            self._show_deployment(progress["deployment"])

    def _show_deployment(self, deployment: dict[str, Any]) -> None:
        if deployment["number"] != self._deployment:
            self._deployment = deployment["number"]
            ref, _, sha = deployment["revision"]["ref"], "", deployment["revision"]["sha"]
            self._say(f"Deployment {deployment['number']}: {clean(ref)}@sha1:{sha[:7]} ({deployment['trigger']})")
        for position, step in enumerate(deployment["steps"]):
            self._show_step((deployment["number"], position), step)

    def _show_step(self, key: tuple[int, int], step: dict[str, Any]) -> None:
        """A step that is done again after a heal is another one, so each counts by its position."""
        if step["outcome"] == "running":
            self._tick(step["name"])
            return
        if key in self._finished:
            return
        self._finished.add(key)
        mark, name = _MARKS.get(step["outcome"], ("·", "bright_black"))
        seconds = (step["finished"] or time.time()) - step["started"]
        word = "" if step["outcome"] in ("succeeded", "warned") else f" {outcome(step['outcome'])}"
        word += f"  {clean(step['message'])}" if step["name"] in ("heal", "visit") and step["message"] else ""
        self._say(f"  {colour(mark, name)} {step['name']:<8} {seconds:6.2f} s{word}")

    def _say(self, line: str) -> None:
        if self._status is not None:
            self._status.stop()
        click.echo(line, err=True)
        if self._status is not None:
            self._status.start()

    def _tick(self, what: str) -> None:
        if self._status is not None:
            self._status.update(what)
