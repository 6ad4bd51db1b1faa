"""A runtime without processes, for tests of whatever reconciles: instances in memory, whose phase tests set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pullet.domain.errors import ProbeFailed, PulletError
from pullet.domain.frames import Frame, Kind
from pullet.domain.identity import EnvironmentKey, InstanceId
from pullet.domain.runtime import Capability, Instance, Phase, RunRequest, Spare, StartRequest, Workplace
from pullet.ports import LogSink, RunResult, Terminal


class FakeRuntime:
    """`fail_start` and `run_results` decide what happens; `instances`, `started`, `stopped`, `commands` tell of it."""

    def __init__(self) -> None:
        self.instances: dict[InstanceId, Instance] = {}
        self.warm: dict[tuple[EnvironmentKey, str], Spare] = {}
        self.fail_start: PulletError | None = None
        self.run_results: dict[str, RunResult] = {}
        self.started: list[InstanceId] = []
        self.requests: dict[InstanceId, StartRequest] = {}
        """The latest start of each."""
        self.ran: list[RunRequest] = []
        self.stopped: list[InstanceId] = []
        self.commands: list[str] = []
        self._next_pid = 1000

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[Instance]:
        return [each for key, each in sorted(self.instances.items()) if environment in (None, key.release.environment)]

    async def start(self, request: StartRequest) -> Instance:
        if self.fail_start is not None:
            raise self.fail_start
        if (known := self.instances.get(request.id)) is not None and known.phase is not Phase.CRASHED:
            return known
        warm = self.warm.pop((request.id.release.environment, request.process.name), None)
        self._next_pid += 1
        socket = f"/fake/{request.id}.sock" if request.process.name == "web" else ""
        made = Instance(request.id, Phase.UP, socket, self._next_pid, 1.0, 0, warm=warm is not None)
        self.instances[request.id] = made
        self.started.append(request.id)
        self.requests[request.id] = request
        return made

    async def stop(self, instance: InstanceId, drain: float) -> None:
        if self.instances.pop(instance, None) is not None:
            self.stopped.append(instance)

    async def run(self, request: RunRequest, log: LogSink) -> RunResult:
        self.commands.append(request.command)
        self.ran.append(request)
        result = self.run_results.get(request.command, RunResult(0, 0.1, ""))
        for line in result.output.splitlines():
            log(line)
        return result

    async def attach(
        self, workplace: Workplace, argv: Sequence[str], terminal: Terminal, *, term: str, timeout: float | None
    ) -> int:
        """Echoes what is typed."""
        self.commands.append(" ".join(argv))
        async for frame in terminal.frames():
            if frame.kind is Kind.END_OF_INPUT:
                break
            await terminal.send(Frame(Kind.TAKEN, str(len(frame.content)).encode()))
            await terminal.send(Frame(Kind.OUTPUT, frame.content))
        return 0

    async def prepare_spare(self, request: StartRequest) -> Spare | None:
        if request.process.name != "web" or request.process.spares == 0:
            return None
        key = (request.id.release.environment, request.process.name)
        self._next_pid += 1
        return self.warm.setdefault(key, Spare(*key, "key", self._next_pid, 40 << 20, ready=True))

    async def spares(self, environment: EnvironmentKey | None = None) -> Sequence[Spare]:
        return [spare for (key, _), spare in self.warm.items() if environment in (None, key)]

    async def discard_spares(self, environment: EnvironmentKey) -> None:
        self.warm = {key: spare for key, spare in self.warm.items() if key[0] != environment}

    def log_path(self, instance: InstanceId) -> Path:
        return Path("/fake/logs") / f"{instance}.log"

    async def capabilities(self) -> Sequence[Capability]:
        return (Capability("processes", True, "in memory"),)

    def set(self, instance: InstanceId, **changes: object) -> None:
        """Let the world change: `set(id, phase=Phase.CRASHED, exit_code=1)`."""
        self.instances[instance] = dataclasses.replace(self.instances[instance], **changes)  # type: ignore[arg-type]


class FakeProber:
    """Answers 200 unless `answers` says otherwise for a socket; an exception there is raised."""

    def __init__(self) -> None:
        self.answers: dict[str, int | ProbeFailed] = {}
        self.default: int | ProbeFailed = 200
        self.asked: list[tuple[str, str, str]] = []

    async def probe(self, socket: str, host: str, path: str, timeout: float) -> int:
        self.asked.append((socket, host, path))
        answer = self.answers.get(socket, self.default)
        if isinstance(answer, ProbeFailed):
            raise answer
        return answer
