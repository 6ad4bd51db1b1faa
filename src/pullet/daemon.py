"""Composition root: settings -> drivers -> loops. The only place that names concrete drivers.

The daemon owns nothing that serves: apps and the router live under shims of their own. Killing it, at any moment, costs
no request; the next one reads the box and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import signal
import stat
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from pullet.api.application import create_api
from pullet.api.attach import attach_server
from pullet.api.hooks import create_hooks
from pullet.config.settings_file import BackupsTable, SettingsFile, change_settings, read_settings
from pullet.domain.app import Schedule
from pullet.domain.errors import AlreadyRunning, RuntimeFailed
from pullet.domain.home import Home
from pullet.domain.runtime import Capability
from pullet.drivers.backups.backups import ResticBackups
from pullet.drivers.backups.credentials import read_credentials
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.build.settings import BuildSettings
from pullet.drivers.fleet import LocalFleet, RemoteFleet
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.router.caddy import CaddyRouter
from pullet.drivers.router.configuration import Tls
from pullet.drivers.router.visitor import RouterVisitor
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.prober import HttpProber
from pullet.drivers.runtime.runtime import ShimRuntime
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.sealing import TargetKey
from pullet.drivers.secrets import TargetSecrets
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.engines import assessor
from pullet.drivers.security.workbench import Workbench
from pullet.drivers.services.folders import FolderProvider, SqliteProvider
from pullet.drivers.services.postgresql.provider import PostgresProvider
from pullet.drivers.services.valkey.provider import ValkeyProvider
from pullet.drivers.testing.columns import tester
from pullet.operations.control import Control, Settings
from pullet.operations.diagnose import capabilities
from pullet.ports import Backups, Fleet
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.safekeeping import BackupPlan, Safekeeping
from pullet.reconcile.services import Services
from pullet.reconcile.sources import URL_INTERVAL, is_remote
from pullet.reconcile.target import FLEET_INTERVAL, TargetLoop
from pullet.store.sqlite import SqliteStore

_STOP_DRAIN = 10.0  # seconds that `pullet stop` gives a process to finish


@dataclass(frozen=True)
class Options:
    """What `pullet serve` was told."""

    home: Path
    port: int | None = None
    """Of the router. What is None here is as last time."""
    target: str | None = None
    """The directory of the fleet repository that is this box."""
    fleet: str | None = None
    """URL of a remote fleet repository; None: as last time, at first the local one."""


class SystemClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT (apps go on) or until asked to stop everything. Raises PulletError."""
    home = Home(options.home)
    with _exclusive(home):
        _make_folders(home)
        asyncio.run(_serve(home, _settle(home, options)))


def _settle(home: Home, options: Options) -> SettingsFile:
    """What holds for this run; what was chosen now is kept for the next."""
    before = home.settings.read_text() if home.settings.exists() else ""
    text = change_settings(before, str(home.settings), port=options.port, target=options.target, fleet=options.fleet)
    if text != before:
        temporary = home.settings.with_suffix(".new")
        temporary.touch(mode=0o600)  # the fleet's URL may carry a token
        temporary.write_text(text)
        temporary.replace(home.settings)
    return read_settings(text, str(home.settings))


async def _serve(home: Home, chosen: SettingsFile) -> None:
    source = GitSource(home, ProcessRunner())
    control = await _compose(home, chosen, source)
    end, everything = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        everything.set()
        end.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    await control.neighbours.router.ensure()
    target = asyncio.create_task(control.target.run(), name="target")
    waiting = asyncio.create_task(end.wait(), name="end")
    ready = asyncio.create_task(control.target.ready.wait(), name="ready")
    await asyncio.wait({target, waiting, ready}, return_when=asyncio.FIRST_COMPLETED)
    async with (
        _server(create_api(control, stop), home.api_socket, 0o600),
        _server(create_hooks(control), home.hooks_socket, 0o666),
        attach_server(control, home.attach_socket),
    ):
        await asyncio.wait({target, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (waiting, ready):
            task.cancel()
        if target.done():
            target.result()  # a bug, or what the router met at the start: say it
        target.cancel()
        await asyncio.wait({target})
        if everything.is_set():
            await _end_everything(control.neighbours)
    await source.close()
    control.neighbours.store.close()


async def examine(root: Path) -> Sequence[Capability]:
    """What `pullet doctor` says where no daemon runs."""
    home, runner, groups = Home(root), ProcessRunner(), cgroups.detect()
    sandbox = await detect_sandbox(home, runner)
    supervisor = ShimSupervisor(runner, groups)
    text = home.settings.read_text() if home.settings.exists() else ""
    router = CaddyRouter(home, supervisor, read_settings(text, str(home.settings)).port)
    runtime = ShimRuntime(home, runner, supervisor, sandbox, groups)
    return await capabilities(home, UvBuilder(home, runner, sandbox), runtime, router)


async def _compose(home: Home, chosen: SettingsFile, source: GitSource) -> Control:
    clock, runner, groups = SystemClock(), ProcessRunner(), cgroups.detect()
    sandbox = await detect_sandbox(home, runner)
    supervisor = ShimSupervisor(runner, groups)
    fleet: Fleet = LocalFleet(home, chosen.target, runner)
    if chosen.fleet:
        fleet = RemoteFleet(chosen.fleet, chosen.target, source)
    store = SqliteStore(home.database, clock)
    services = Services(
        (
            PostgresProvider(home, runner, supervisor, external=chosen.postgresql),
            ValkeyProvider(home, runner, supervisor),
            SqliteProvider(home, sandbox),
            FolderProvider(home, sandbox),
        )
    )
    backups, plan = _backups(home, chosen, runner)
    neighbours = Neighbours(
        home=home,
        clock=clock,
        store=store,
        services=services,
        safekeeping=Safekeeping(home, clock, store, services, backups, plan),
        source=source,
        fleet=fleet,
        builder=UvBuilder(home, runner, sandbox, BuildSettings(time_limit=chosen.limits.build)),
        runtime=ShimRuntime(home, runner, supervisor, sandbox, groups),
        router=CaddyRouter(home, supervisor, chosen.port, tls=_tls(chosen)),
        prober=HttpProber(),
        visitor=RouterVisitor(chosen.port),
        assessor=assessor(
            Workbench(runner, sandbox, home.scratch),
            Advisories(home.advisories, source, chosen.assess.advisories, clock.now, chosen.assess.advisories_max_age),
            home.cache / "assessments",
        ),
        tester=tester(home, runner, sandbox),
        secrets=TargetSecrets(home),
        advisories_interval=chosen.assess.advisories_interval,
        release_command_limit=chosen.limits.release_command,
        jitter=random.random,
    )
    settings = Settings(chosen.target, chosen.port, chosen.fleet or str(home.fleet))
    interval = URL_INTERVAL if is_remote(chosen.fleet or "") else FLEET_INTERVAL
    return Control(neighbours, TargetLoop(neighbours, interval), settings)


def _backups(home: Home, chosen: SettingsFile, runner: ProcessRunner) -> tuple[Backups, BackupPlan]:
    """Where nothing is chosen, a folder in the home: it helps against a mistake, not against a lost disk."""
    own = home.root / "backups"
    table = chosen.backups or BackupsTable(destination=str(own))
    if chosen.backups is None:
        own.mkdir(mode=0o700, exist_ok=True)
    credentials = read_credentials(Path(table.credentials)) if table.credentials else None
    key = TargetKey(home.target_key).text
    plan = BackupPlan(chosen.target, Schedule("backup", table.schedule, "", time_zone=table.time_zone), table.retention)
    return ResticBackups(home, runner, table.destination, key, credentials), plan


def _tls(chosen: SettingsFile) -> Tls | None:
    if chosen.tls is None:
        return None
    return Tls(chosen.tls.port, chosen.tls.email, chosen.tls.directory, chosen.tls.internal)


async def _end_everything(neighbours: Neighbours) -> None:
    """`pullet stop`: nothing of this home is left running. What should run is in the fleet, and comes back with it."""
    instances = await neighbours.runtime.observe()
    for environment in {instance.id.release.environment for instance in instances}:
        await neighbours.runtime.discard_spares(environment)
    await asyncio.gather(*(neighbours.runtime.stop(instance.id, _STOP_DRAIN) for instance in instances))
    for spare in await neighbours.runtime.spares():
        await neighbours.runtime.discard_spares(spare.environment)
    await neighbours.services.stop()
    await neighbours.router.stop()


@contextlib.asynccontextmanager
async def _server(app: FastAPI, socket: Path, mode: int) -> AsyncIterator[None]:
    """Serve an app on a unix socket for as long as the block runs."""
    socket.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call
    config = uvicorn.Config(app, uds=str(socket), log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    server = _Server(config)
    task = asyncio.create_task(server.serve(), name=f"serve:{socket.name}")
    try:
        await server.ready(task)
        socket.chmod(mode)  # noqa: ASYNC240
        yield
    finally:
        server.should_exit = True
        await task
        socket.unlink(missing_ok=True)  # noqa: ASYNC240


class _Server(uvicorn.Server):
    async def ready(self, task: asyncio.Task[None]) -> None:
        """Until it listens; raises what it died of."""
        while not self.started:
            if task.done():
                task.result()
                raise RuntimeFailed("The API did not start", hint="See the daemon's log.")
            await asyncio.sleep(0.005)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's own business."""
        yield


@contextlib.contextmanager
def _exclusive(home: Home) -> Iterator[None]:
    """One daemon a home, by a lock that the kernel gives back whatever happens to its holder."""
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        handle = home.lock.open("a+")
    except OSError as err:
        raise RuntimeFailed(
            f"Cannot use {home.root} as Pullet's home", context=str(err), hint="Set PULLET_HOME to a folder of yours."
        ) from err
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            handle.seek(0)
            raise AlreadyRunning(
                f"Another daemon (pid {handle.read().strip() or 'unknown'}) uses {home.root}",
                hint="`pullet status` talks to it; PULLET_HOME=… starts another one beside it.",
            ) from err
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def _make_folders(home: Home) -> None:
    """Others may pass through the home to what is theirs (an app to its release) and list nothing."""
    home.root.chmod(0o711)
    home.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (home.releases, home.run, home.cache, home.sockets):
        folder.mkdir(parents=True, exist_ok=True)
    owner = home.sockets.stat()
    if owner.st_uid != os.getuid() or not stat.S_ISDIR(owner.st_mode):
        raise RuntimeFailed(f"{home.sockets} belongs to somebody else", hint="Remove it, or use a shorter PULLET_HOME.")
    home.sockets.chmod(0o711)
