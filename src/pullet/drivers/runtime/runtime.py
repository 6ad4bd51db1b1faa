"""`Runtime`: instances of releases as supervised, confined processes behind unix sockets."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pullet.domain.errors import CommandFailed, StartFailed
from pullet.domain.frames import Frame, Kind
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId
from pullet.domain.runtime import Capability, Instance, Phase, RunRequest, Spare, StartRequest, Workplace
from pullet.drivers.confinement import Sandbox
from pullet.drivers.process import ProcessRunner, last_lines, redact
from pullet.drivers.runtime import systemd
from pullet.drivers.runtime.cgroups import ControlGroups
from pullet.drivers.runtime.launching import Launcher, serves
from pullet.drivers.runtime.limiting import limited
from pullet.drivers.runtime.places import Places, SocketFolder
from pullet.drivers.runtime.spares import Spares
from pullet.drivers.supervision import Supervised, SupervisedState, Supervisor
from pullet.drivers.terminal import run_attached
from pullet.ports import LogSink, RunResult, Terminal

_START_WATCH = 3.0  # seconds that `start` looks for a quick end; a healthy app returns it as soon as it listens
_CANNOT_RUN = (126, 127)  # exit codes of a program that is not there or cannot be run
_TIMED_OUT = 124  # as timeout(1) says it
_TAIL = 1 << 16  # bytes of a log looked at for its last lines
_LINES = 100  # a traceback of a framework is long, and its end is what counts


class ShimRuntime:
    def __init__(
        self, home: Home, runner: ProcessRunner, supervisor: Supervisor, sandbox: Sandbox, groups: ControlGroups
    ) -> None:
        self._runner = runner
        self._supervisor = supervisor
        self._sandbox = sandbox
        self._groups = groups
        self._places = Places(home)
        self._launcher = Launcher(home, sandbox, memory_by_process=not groups.version)
        self._spares = Spares(self._places, supervisor, sandbox, self._launcher)

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[Instance]:
        return await asyncio.to_thread(self._observe, environment)

    async def start(self, request: StartRequest) -> Instance:
        folder = self._places.instance(request.id)
        state = self._supervisor.observe(folder)
        if state.shim_pid is not None and state.phase is not Phase.STOPPING and not _half_woken(state, request.id):
            return _instance(state)
        await self.stop(request.id, request.process.drain if state.phase is Phase.STOPPING else 0)
        await asyncio.to_thread(self._hand_over, request.workplace)
        state = await self._spares.take(request, self._supervised) or await self._start_cold(request)
        return _instance(await self._settle(request, state))

    async def stop(self, instance: InstanceId, drain: float) -> None:
        folder = self._places.instance(instance)
        sockets = self._supervisor.observe(folder).labels.get("sockets")
        await self._supervisor.stop(folder, drain)
        if sockets:
            await asyncio.to_thread(SocketFolder(Path(sockets)).remove)
        await asyncio.to_thread(_remove, folder)

    async def run(self, request: RunRequest, log: LogSink) -> RunResult:
        place = request.workplace
        await asyncio.to_thread(self._hand_over, place)
        command = self._launcher.once(place, request.command, timeout=request.timeout, network=request.network)
        lines: list[str] = []

        def keep(line: str) -> None:
            lines.append(line)
            del lines[:-200]
            log(line)

        async with limited(self._groups, place.memory) as limits:
            try:
                done = await self._runner.run(limits.of(command), log=keep)
            except CommandFailed as err:
                if not err.timed_out:
                    raise
                keep(f"pullet: ended: it took longer than {request.timeout:g} s")
                return RunResult(_TIMED_OUT, request.timeout, last_lines("\n".join(lines)))
            if exceeded := limits.exceeded:
                keep(exceeded)
        return RunResult(done.exit_code, done.duration, last_lines("\n".join(lines)))

    async def attach(
        self, workplace: Workplace, argv: Sequence[str], terminal: Terminal, *, term: str, timeout: float | None
    ) -> int:
        await asyncio.to_thread(self._hand_over, workplace)
        command = self._launcher.attached(workplace, argv, term)
        owner = self._sandbox.user(workplace.release.environment.app)
        async with limited(self._groups, workplace.memory) as limits:
            code = await run_attached(limits.of(command), terminal, owner=owner, timeout=timeout)
            if exceeded := limits.exceeded:
                await terminal.send(Frame(Kind.ERROR_OUTPUT, f"{exceeded}\r\n".encode()))
            return code

    async def prepare_spare(self, request: StartRequest) -> Spare | None:
        state = self._supervisor.observe(self._places.instance(request.id))
        await asyncio.to_thread(self._hand_over, request.workplace)
        return await self._spares.prepare(request, state)

    async def spares(self, environment: EnvironmentKey | None = None) -> Sequence[Spare]:
        return await asyncio.to_thread(self._spares.observe, environment)

    async def discard_spares(self, environment: EnvironmentKey) -> None:
        await self._spares.discard(environment)

    def log_path(self, instance: InstanceId) -> Path:
        return self._places.log(instance)

    async def capabilities(self) -> Sequence[Capability]:
        return (*self._sandbox.capabilities(), _limits(self._groups), _keeper())

    def _observe(self, environment: EnvironmentKey | None) -> list[Instance]:
        """Also what is gone but not cleared away, as where the daemon was killed amid a stop: its folders must go."""
        states = (self._supervisor.observe(folder) for folder in self._places.instances(environment))
        return [instance for state in states if (instance := self._seen(state))]

    def _seen(self, state: SupervisedState) -> Instance | None:
        """A folder that does not tell what it is for (emptied by half, or a spare taken by half) serves nothing, but
        holds secrets: its path tells whose it is, so that it is cleared away."""
        if "release" in state.labels:
            return _instance(state)
        whose = self._places.whose(state.folder)
        return None if whose is None else Instance(whose, Phase.GONE)

    def _hand_over(self, workplace: Workplace) -> None:
        """Once: afterwards the app owns its tree, and a walk of it would only cost."""
        tree = Path(workplace.tree)
        try:
            status = tree.stat()
        except OSError as err:
            raise StartFailed(f"{tree} is gone", context=str(err), hint="Deploy again.") from err
        if status.st_uid == 0:
            self._sandbox.hand_over(tree, workplace.release.environment.app)

    async def _start_cold(self, request: StartRequest) -> SupervisedState:
        app = request.id.release.environment.app
        sockets = self._places.make_sockets() if serves(request.process) else None
        if sockets:
            self._sandbox.hand_over(sockets.path, app)
        return await self._supervisor.launch(self._supervised(request, sockets))

    def _supervised(self, request: StartRequest, sockets: SocketFolder | None, warm: bool = False) -> Supervised:
        environment = request.id.release.environment
        labels = {
            "app": environment.app,
            "environment": environment.name,
            "release": str(request.id.release.number),
            "process": request.id.process,
            "index": str(request.id.index),
            "sockets": str(sockets.path) if sockets else "",
            "warm": "yes" if warm else "",
        }
        return Supervised(
            self._places.instance(request.id),
            self._launcher.cold(request, sockets).command,
            log=self._places.log(request.id),
            memory=request.process.memory,
            socket=sockets.socket if sockets else None,
            labels=labels,
        )

    async def _settle(self, request: StartRequest, state: SupervisedState) -> SupervisedState:
        """Wait until it listens (or, serving nothing, just runs); raise with its last words where it ends at once."""
        socket = _socket(state)
        deadline = time.monotonic() + _START_WATCH
        while socket is not None and not socket.exists() and time.monotonic() < deadline:
            await asyncio.sleep(0.004)
            state = self._supervisor.observe(state.folder)
            if _ended(state):
                await self._fail(request, state)
        return self._supervisor.observe(state.folder)

    async def _fail(self, request: StartRequest, state: SupervisedState) -> None:
        words = _tail(self._places.log(request.id))
        await self.stop(request.id, 0)
        raise StartFailed(
            f"The {request.process.name} process of {request.id.release} did not stay up: {state.reason}",
            context=redact(words, request.workplace.secrets),
            hint=f"It was started as: {request.process.command}",
        )


def _half_woken(state: SupervisedState, instance: InstanceId) -> bool:
    """A spare whose taking was cut short: it has another's labels still, or waits for its orders."""
    if "release" not in state.labels or _instance(state).id != instance:
        return True
    return bool(state.labels.get("warm")) and SocketFolder(Path(state.labels["sockets"])).wake.exists()


def _ended(state: SupervisedState) -> bool:
    """Twice, as the first end may have had a passing reason; at once where there is nothing to run."""
    return state.phase in (Phase.CRASHED, Phase.GONE) or state.restarts > 1 or state.exit_code in _CANNOT_RUN


def _instance(state: SupervisedState) -> Instance:
    labels = state.labels
    release = ReleaseId(EnvironmentKey(labels["app"], labels["environment"]), int(labels["release"]))
    return Instance(
        id=InstanceId(release, labels["process"], int(labels["index"])),
        phase=state.phase,
        socket=str(_socket(state) or ""),
        pid=state.pid,
        started=state.started,
        restarts=state.restarts,
        exit_code=state.exit_code,
        reason=state.reason,
        warm=bool(labels.get("warm")),
    )


def _socket(state: SupervisedState) -> Path | None:
    sockets = state.labels.get("sockets")
    return SocketFolder(Path(sockets)).socket if sockets else None


def _remove(folder: Path) -> None:
    """Forget an instance; what cannot be removed now is removed by the next call."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
        try:
            parent.rmdir()
        except OSError:
            return


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            return last_lines(file.read().decode("utf-8", "replace"), _LINES)
    except OSError:
        return ""


def _limits(groups: ControlGroups) -> Capability:
    if groups.version:
        return Capability("limits", True, f"memory and processes of a whole app, by control groups v{groups.version}")
    return Capability(
        "limits",
        False,
        "memory of each process alone (RLIMIT_DATA), not of an app as a whole",
        "Run Pullet as root, or under systemd.",
    )


def _keeper() -> Capability:
    if systemd.present():
        return Capability("supervision", True, "shims in transient systemd units: systemctl list-units 'pullet-*'")
    return Capability(
        "supervision", True, "shims in sessions of their own; no systemd here, so a reboot starts nothing"
    )
