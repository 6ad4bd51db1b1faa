"""Warm spares: one waiting interpreter a web process, which the next release becomes (boot.py).

It waits in the same sandbox as an instance, but sees all releases of its environment, as the one it will serve does not
exist yet. All of them belong to the same app and user.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pullet.analysis.serving import serve
from pullet.domain.errors import RuntimeFailed
from pullet.domain.identity import EnvironmentKey
from pullet.domain.runtime import Spare, StartRequest
from pullet.drivers.confinement import Sandbox
from pullet.drivers.runtime.launching import Launcher, is_warmable, serves
from pullet.drivers.runtime.places import Places, SocketFolder
from pullet.drivers.supervision import Supervised, SupervisedState, Supervisor

_RECORD_WAIT = 3.0  # seconds: a server tells its modules a moment after it listens
_HEADROOM = 3  # a spare is kept while this many of its size are free
_USUAL_COST = 64 << 20  # bytes, where the live release cannot be measured


class Spares:
    def __init__(self, places: Places, supervisor: Supervisor, sandbox: Sandbox, launcher: Launcher) -> None:
        self._places = places
        self._supervisor = supervisor
        self._sandbox = sandbox
        self._launcher = launcher

    async def take(
        self, request: StartRequest, supervised: Callable[[StartRequest, SocketFolder, bool], Supervised]
    ) -> SupervisedState | None:
        """Let a fitting spare become the instance; None: there is none, start cold. One that does not fit is ended."""
        folder = self._places.spare(request.id.release.environment, request.process.name)
        state = self._supervisor.observe(folder)
        if state.shim_pid is None or not serves(request.process):
            return None
        sockets = SocketFolder(Path(state.labels["sockets"]))
        if not self._fits(state, sockets, request):
            await self._end(folder)
            return None
        target = supervised(request, sockets, True)
        try:
            taken = await self._supervisor.transfer(folder, target)
        except RuntimeFailed:
            await self._give_up(target.folder, sockets)
            return None
        orders = json.dumps(self._launcher.orders(request, sockets)).encode()
        if not await asyncio.to_thread(sockets.send_orders, orders):
            await self._give_up(taken.folder, sockets)
            return None
        return taken

    async def _give_up(self, folder: Path, sockets: SocketFolder) -> None:
        await self._supervisor.stop(folder, 0)
        sockets.remove()

    async def prepare(self, request: StartRequest, live: SupervisedState) -> Spare | None:
        """A spare for releases like the live one; None where it is not wanted, not possible, or memory is short."""
        environment = request.id.release.environment
        folder = self._places.spare(environment, request.process.name)
        existing = self._supervisor.observe(folder)
        if existing.shim_pid is not None and existing.labels.get("key") == key(request) and _wanted(request):
            return _spare(existing)
        await self._end(folder)
        if not _wanted(request) or not _affordable(live.pid):
            return None
        modules = await self._modules(live)
        return _spare(await self._launch(request, folder, modules)) if modules else None

    def observe(self, environment: EnvironmentKey | None) -> Sequence[Spare]:
        states = [self._supervisor.observe(folder) for folder in self._places.spares(environment)]
        # A shim that has just been started has not said yet what it keeps; one that is being taken says it no longer.
        return [_spare(state) for state in states if state.shim_pid is not None and "spare" in state.labels]

    async def discard(self, environment: EnvironmentKey) -> None:
        for folder in self._places.spares(environment):
            await self._end(folder)

    async def _launch(self, request: StartRequest, folder: Path, modules: Sequence[str]) -> SupervisedState:
        environment = request.id.release.environment
        sockets = self._places.make_sockets(modules)
        self._sandbox.hand_over(sockets.path, environment.app)
        labels = {
            "app": environment.app,
            "environment": environment.name,
            "spare": request.process.name,
            "sockets": str(sockets.path),
            "key": key(request),
        }
        command = self._launcher.spare(request, sockets)
        return await self._supervisor.launch(
            Supervised(folder, command, memory=request.process.memory, labels=labels, give_up_after=1)
        )

    async def _modules(self, live: SupervisedState) -> tuple[str, ...]:
        sockets = live.labels.get("sockets")
        if not sockets:
            return ()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RECORD_WAIT):
                while not (found := SocketFolder(Path(sockets)).recorded()):  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.05)
                return found
        return ()

    def _fits(self, state: SupervisedState, sockets: SocketFolder, request: StartRequest) -> bool:
        if state.labels.get("key") != key(request) or not sockets.ready.exists():
            return False
        loaded = {name.partition(".")[0] for name in sockets.preload.read_text().split()}
        return not loaded & _top_level(request)

    async def _end(self, folder: Path) -> None:
        sockets = self._supervisor.observe(folder).labels.get("sockets")
        await self._supervisor.stop(folder, 0)
        if sockets:
            await asyncio.to_thread(SocketFolder(Path(sockets)).remove)


def key(request: StartRequest) -> str:
    """Digest of all that a spare cannot change once it runs."""
    place = request.workplace
    server = serve(request.process.command, "/").server
    seen = (sorted(place.variables), sorted(place.folders))
    parts = (place.environment_digest, place.python, seen, server, request.process.memory)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _wanted(request: StartRequest) -> bool:
    process = request.process
    return process.spares > 0 and serves(process) and is_warmable(serve(process.command, "/"))


def _top_level(request: StartRequest) -> set[str]:
    """Names that the release itself can import: they would have come before a module of the same name."""
    names: set[str] = set()
    for folder in (request.workplace.tree, *request.workplace.python_path):
        with contextlib.suppress(OSError):
            names |= {entry.name.partition(".")[0] for entry in Path(folder).iterdir()}
    return names


def _affordable(live: int | None) -> bool:
    cost = (_resident(live) if live else 0) or _USUAL_COST
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 >= _HEADROOM * cost
    return True


def _resident(pid: int) -> int:
    """Bytes of memory that the process holds; 0 for one that is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _spare(state: SupervisedState) -> Spare:
    return Spare(
        environment=EnvironmentKey(state.labels["app"], state.labels["environment"]),
        process=state.labels["spare"],
        key=state.labels["key"],
        pid=state.pid or 0,
        memory=_resident(state.pid) if state.pid else 0,
        ready=SocketFolder(Path(state.labels["sockets"])).ready.exists(),
    )
