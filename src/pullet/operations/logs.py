"""What an app wrote, and what its deployments wrote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pullet.domain.errors import NotFound
from pullet.domain.identity import ReleaseId
from pullet.domain.runtime import Instance
from pullet.operations.control import Control
from pullet.telemetry.logs import follow as follow_file
from pullet.telemetry.logs import tail

_WAITING = 1000  # lines between the files and a slow reader


async def app_log(control: Control, app: str, environment: str, *, lines: int, follow: bool) -> AsyncIterator[str]:
    """The last `lines` of every process, oldest first; with `follow` what comes after, until the reader goes."""
    instances = await _instances(control, app, environment)
    paths = {_label(instance): control.neighbours.runtime.log_path(instance.id) for instance in instances}
    for line in _merged(paths, lines):
        yield line
    if follow:
        async for line in _following(paths):
            yield line


async def deployment_log(control: Control, app: str, environment: str, number: int) -> AsyncIterator[str]:
    """The logs of a deployment's steps, in order."""
    key = control.loop(app, environment).key
    deployment = control.neighbours.store.deployments.get(key, number)
    folder = control.neighbours.home.release(ReleaseId(key, deployment.release)) / "logs"
    for step in deployment.steps:
        yield f"== {step.name}: {step.outcome} {step.message}".rstrip()
        if step.log:
            for line in await asyncio.to_thread(tail, folder / step.log, 10_000):
                yield line


async def _instances(control: Control, app: str, environment: str) -> Sequence[Instance]:
    key = control.loop(app, environment).key
    every = await control.neighbours.runtime.observe(key)
    live = control.neighbours.store.releases.live(key)
    chosen = [instance for instance in every if instance.id.release.number == live] or list(every)
    if not chosen:
        raise NotFound(
            f"No process of {key} runs", hint=f"`pullet deployments {app}` says why; its logs: --deployment N."
        )
    return chosen


def _label(instance: Instance) -> str:
    return f"{instance.id.process}.{instance.id.index}"


def _merged(paths: dict[str, Path], lines: int) -> list[str]:
    """Every line begins with its time, so sorting by it tells the story across processes."""
    found = [(line, label) for label, path in paths.items() for line in tail(path, lines)]
    found.sort(key=lambda pair: pair[0].split(" ", 1)[0])
    return [_shown(label, line) for line, label in found[-lines:]] if lines else []


def _shown(label: str, line: str) -> str:
    time, _, text = line.partition(" ")
    return f"{time} {label} | {text}"


async def _following(paths: dict[str, Path]) -> AsyncIterator[str]:
    queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)

    async def pump(label: str, path: Path) -> None:
        async for line in follow_file(path):
            await queue.put(_shown(label, line))

    pumps = [asyncio.create_task(pump(label, path), name=f"log:{label}") for label, path in paths.items()]
    try:
        while True:
            yield await queue.get()
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
