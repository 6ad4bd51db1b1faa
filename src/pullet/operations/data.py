"""What an app's data are asked for: what there is, copies of it, backups, and putting one back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tarfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from pullet.domain.backup import Backup, BackupReason
from pullet.domain.errors import NotFound, PulletError, UsageError
from pullet.domain.identity import EnvironmentKey, slug
from pullet.domain.report import Progress, ServiceReport
from pullet.domain.services import ServiceKey, ServiceState
from pullet.operations.control import Control
from pullet.reconcile.disk import disk_may_be_full
from pullet.reconcile.safekeeping import Safekeeping, chosen
from pullet.reconcile.services import one_of
from pullet.reconcile.snapshots import Snapshots

_at_work: set[asyncio.Task[str]] = set()
"""A task that nobody holds may vanish."""


async def services(control: Control, app: str | None, environment: str | None) -> tuple[ServiceReport, ...]:
    """Everything there is data of, also what no app asks for any more."""
    states = await control.neighbours.services.observe()
    return tuple(
        ServiceReport(
            state.key.environment.app,
            state.key.environment.name,
            state.key.name,
            state.type,
            state.running,
            state.size,
            _is_asked_for(control, state),
            state.detail,
        )
        for state in states
        if app in (None, state.key.environment.app) and environment in (None, state.key.environment.name)
    )


async def remove_service(control: Control, key: EnvironmentKey, name: str) -> AsyncIterator[Progress]:
    """Delete a service's data for good. Raises UsageError while a live release asks for it."""
    state = one_of(await control.neighbours.services.observe(key), key, name)
    if _is_asked_for(control, state):
        raise UsageError(
            f"The live release of {key} uses {name}",
            hint="Take it out of pullet.toml and deploy that first, or `pullet down` the app.",
        )
    yield Progress(f"Removing {state.key} ({state.type}, {state.size} bytes)")
    await control.neighbours.services.provider(state.type).remove(state.key)
    control.neighbours.services.forget(key)
    control.neighbours.store.events.append("data-removed", f"{name} was removed on request.", environment=key)
    yield Progress(f"{state.key} is gone.", done=True, ok=True)


async def clone(control: Control, key: EnvironmentKey, origin: str, name: str | None) -> AsyncIterator[Progress]:
    """Replace the data of an environment (one service, or all) by a copy of another environment's."""
    source = EnvironmentKey(key.app, origin)
    if source == key:
        raise UsageError(f"{key} cannot be a copy of itself")
    there = [state for state in await control.neighbours.services.observe(key) if name in (None, state.key.name)]
    if not there:
        raise NotFound(f"{key} has no {name or 'service'}", hint=f"`pullet services {key.app}` lists what there is.")
    data = [state for state in there if state.type.holds_data]
    if not data:
        hint = f"To have it all the same: `pullet db dump` of {origin}, `pullet db restore` here."
        raise UsageError(f"What waits in {there[0].key} would be done twice if it were copied", hint=hint)
    specs = [_safekeeping(control).spec_of(state) for state in data]

    async def work(log: Callable[[str], None]) -> str:
        async with _still(control, key):
            await control.neighbours.services.clone(source, key, specs, log)
        return f"{key} has a copy of {', '.join(spec.name for spec in specs)} of {source}."

    async for progress in _reported(work):
        yield progress


async def back_up(control: Control, key: EnvironmentKey | None) -> AsyncIterator[Progress]:
    """One environment, or the whole target."""
    safe = _safekeeping(control)

    async def work(_: Callable[[str], None]) -> str:
        making = safe.everything(BackupReason.MANUAL) if key is None else safe.environment(key, BackupReason.MANUAL)
        backup = await making
        return f"Backup {backup.id[:8]}: {backup.files} files, {backup.size} bytes."

    yield Progress(f"Backing up {key or 'the whole target'}")
    async for progress in _reported(work):
        yield progress


async def backups(control: Control) -> Sequence[Backup]:
    return await _safekeeping(control).backups.list()


async def restore(
    control: Control, key: EnvironmentKey | None, name: str | None, backup: str | None
) -> AsyncIterator[Progress]:
    """Put the data of one service, one environment, or (without a key) of everything back as a backup has them."""
    safe = _safekeeping(control)
    found = await safe.choose(backup, key)
    yield Progress(f"Reading backup {found[:8]}")

    async def work(log: Callable[[str], None]) -> str:
        async with safe.opened(found) as (manifest, folder):
            services = [each for each in chosen(manifest, None) if _fits(each.key, key, name)]
            if not services:
                raise NotFound(f"Backup {found[:8]} has nothing of {key or 'any environment'}")
            if key is None:
                await asyncio.to_thread(safe.put_back_own_files, folder)
            for environment in sorted({each.key.environment for each in services}):
                async with _still(control, environment):
                    for each in (one for one in services if one.key.environment == environment):
                        log(f"{each.key}: {each.spec.type}")
                        await control.neighbours.services.load(each.key, each.spec, folder / each.folder)
        await control.target.refresh()
        return f"{len(services)} service(s) restored from backup {found[:8]}."

    async for progress in _reported(work):
        yield progress


async def dump(control: Control, key: EnvironmentKey, name: str | None, path: Path) -> AsyncIterator[Progress]:
    """One service's data as a tar file at `path`, which must not exist."""
    state = one_of(await control.neighbours.services.observe(key), key, name)
    if not path.is_absolute() or os.path.lexists(path):  # noqa: ASYNC240 - one system call
        raise UsageError(f"{path} is there already" if path.is_absolute() else f"{path} is no absolute path")

    async def work(_: Callable[[str], None]) -> str:
        async with _safekeeping(control).folder() as folder:
            (folder / "dump").mkdir()
            await control.neighbours.services.provider(state.type).dump(state.key, folder / "dump")
            await asyncio.to_thread(_pack, folder / "dump", path)
        return f"{state.key} is in {path}."

    async for progress in _reported(work):
        yield progress


async def load(control: Control, key: EnvironmentKey, name: str | None, path: Path) -> AsyncIterator[Progress]:
    """Replace one service's data by what `dump` wrote."""
    state = one_of(await control.neighbours.services.observe(key), key, name)

    async def work(_: Callable[[str], None]) -> str:
        async with _safekeeping(control).folder() as folder:
            await asyncio.to_thread(_unpack, path, folder / "dump")
            await _replace(control, state, folder / "dump")
        return f"{state.key} has the data of {path}."

    async for progress in _reported(work):
        yield progress


async def load_snapshot(control: Control, key: EnvironmentKey, name: str | None) -> AsyncIterator[Progress]:
    """Replace a database's data by what they were before the newest release commands. Without a name: the only one that
    there is a snapshot of."""
    newest = {each.service: each for each in reversed(Snapshots(control.neighbours, key).all())}
    if not newest:
        raise NotFound(f"There is no snapshot of {key}", hint="Small databases only have one; see `pullet backups`.")
    states = await control.neighbours.services.observe(key)
    state = one_of((each for each in states if slug(each.key.name) in newest), key, name)
    snapshot = newest[slug(state.key.name)]
    yield Progress(f"As it was before release {snapshot.release}")

    async def work(_: Callable[[str], None]) -> str:
        await _replace(control, state, snapshot.folder)
        return f"{state.key} has the data of before release {snapshot.release}."

    async for progress in _reported(work):
        yield progress


async def _replace(control: Control, state: ServiceState, dumped: Path) -> None:
    """While the app stands still."""
    spec = _safekeeping(control).spec_of(state)
    async with _still(control, state.key.environment):
        await control.neighbours.services.load(state.key, spec, dumped)


def _pack(folder: Path, path: Path) -> None:
    """Whole or not at all, and nobody else's to read."""
    new = path.with_name(f".{path.name}.new")
    try:
        with disk_may_be_full(path):
            new.unlink(missing_ok=True)  # of a dump that was killed
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                with tarfile.open(fileobj=file, mode="w") as archive:
                    archive.add(folder, arcname=".")
                file.flush()
                os.fsync(file.fileno())
            new.rename(path)
    except OSError as err:
        raise UsageError(f"{path} cannot be written", context=str(err)) from err
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def _unpack(path: Path, folder: Path) -> None:
    try:
        with disk_may_be_full(path), tarfile.open(path) as archive:
            # Plain files of a dump only: nothing that leads out of the folder, whoever made the archive.
            members = [member for member in archive if member.isfile() or member.isdir()]
            if any(".." in Path(member.name).parts or member.name.startswith("/") for member in members):
                raise UsageError(f"{path} has names that lead out of it")
            archive.extractall(folder, members)  # noqa: S202 - checked above
    except (OSError, tarfile.TarError) as err:
        raise UsageError(f"{path} is not what `pullet db … dump` writes", context=str(err)) from err


def _fits(service: ServiceKey, key: EnvironmentKey | None, name: str | None) -> bool:
    return key in (None, service.environment) and name in (None, service.name)


def _is_asked_for(control: Control, state: ServiceState) -> bool:
    releases, key = control.neighbours.store.releases, state.key.environment
    live = releases.live(key)
    release = next((release for release in releases.of(key) if release.id.number == live), None)
    specs = release.spec.services if release is not None and release.spec is not None else ()
    return any((spec.name, spec.type) == (state.key.name, state.type) for spec in specs)


def _still(control: Control, key: EnvironmentKey) -> Any:
    """Nothing uses the data meanwhile, where the environment is running at all."""
    loop = control.target.environments.get(key)
    return loop.still() if loop is not None else contextlib.AsyncExitStack()


def _safekeeping(control: Control) -> Safekeeping:
    if control.neighbours.safekeeping is None:
        raise UsageError("Nothing is backed up here")
    return control.neighbours.safekeeping


async def _reported(work: Callable[[Callable[[str], None]], Coroutine[Any, Any, str]]) -> AsyncIterator[Progress]:
    """Run `work` beside the stream of what it says; its result, or its error, ends the stream.

    Whoever hangs up meanwhile does not end the work.
    """
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def run() -> str:
        try:
            with disk_may_be_full("the data"):
                return await work(lines.put_nowait)
        finally:
            lines.put_nowait(None)

    task = asyncio.create_task(run(), name="data")
    _at_work.add(task)
    task.add_done_callback(_at_work.discard)
    while (line := await lines.get()) is not None:
        yield Progress(line)
    try:
        yield Progress(await task, done=True, ok=True)
    except PulletError as err:
        yield Progress(done=True, error_code=err.code, error=err.message, context=err.context, hint=err.hint)
