"""`Supervisor` by shims: one small process (shim.py) for each process that has to outlive the daemon.

Where PID 1 is systemd the shim runs as a transient unit of its own (systemd.py), so that stopping the daemon's unit
does not end it and systemctl shows it; the shim and everything below are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import struct
from pathlib import Path
from typing import Any

from pullet.domain.errors import CommandFailed, DiskFull, RuntimeFailed
from pullet.domain.runtime import Phase
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import proc, shim, systemd
from pullet.drivers.runtime.app_pids import AppPids
from pullet.drivers.runtime.cgroups import ControlGroups, members
from pullet.drivers.supervision import Supervised, SupervisedState

_FLOCK = "hhqqi0q"  # struct flock of fcntl(2) on 64-bit Linux
_START_LIMIT = 15.0  # seconds; measured 20 to 40 ms
_STOP_MARGIN = 2 * shim.KILL_LIMIT  # seconds over the drain until the shim itself is killed


class ShimSupervisor:
    def __init__(self, runner: ProcessRunner, groups: ControlGroups, *, use_systemd: bool | None = None) -> None:
        """`use_systemd` None: where /run/systemd/system exists."""
        self._runner = runner
        self._groups = groups
        self._use_systemd = systemd.present() if use_systemd is None else use_systemd
        self._apps = AppPids()

    async def launch(self, supervised: Supervised) -> SupervisedState:
        if holder(supervised.folder) is None:
            await asyncio.to_thread(self._prepare, supervised)
            await self._start_shim(supervised)
        return self.observe(supervised.folder)

    def observe(self, folder: Path) -> SupervisedState:
        state = _read(folder)
        living = holder(folder)
        phase = Phase(state.get("phase", Phase.STARTING if living else Phase.GONE))
        if living is None and phase is not Phase.CRASHED:
            phase = Phase.GONE
        child = state.get("pid") if living else None
        return SupervisedState(
            folder=folder,
            phase=phase,
            shim_pid=living,
            pid=self._apps.of(child) if child else None,
            started=state.get("started", 0.0),
            restarts=state.get("restarts", 0),
            exit_code=state.get("exit_code"),
            reason=_reason(state, living is not None),
            labels=state.get("labels", {}),
        )

    async def stop(self, folder: Path, drain: float) -> None:
        if (process := _open_holder(folder)) is not None:
            try:
                _write(folder / "drain", str(drain))
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGTERM)
                if not await _ended(process, drain + _STOP_MARGIN):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                    await _ended(process, _STOP_MARGIN)
            finally:
                os.close(process)
        await asyncio.to_thread(self._clear, folder)

    async def transfer(self, folder: Path, supervised: Supervised) -> SupervisedState:
        """See the protocol. The folder is renamed under the shim, which holds it by a descriptor."""
        await asyncio.to_thread(_rename, folder, supervised.folder)
        state = _read(supervised.folder)
        _log(supervised).parent.mkdir(parents=True, exist_ok=True)
        self._specify(supervised, state.get("groups", []))
        process = _open_holder(supervised.folder)
        if process is None:
            raise RuntimeFailed(f"Nothing runs in {folder.name} any more")
        try:
            signal.pidfd_send_signal(process, signal.SIGHUP)
            return await self._relabelled(supervised)
        except ProcessLookupError as err:
            raise RuntimeFailed(f"What ran in {folder.name} has just ended") from err
        finally:
            os.close(process)

    async def _relabelled(self, supervised: Supervised) -> SupervisedState:
        """Once the shim has taken the new specification up; before that its state still tells of the former use."""
        deadline = asyncio.get_running_loop().time() + _START_LIMIT
        while (state := self.observe(supervised.folder)).labels != supervised.labels:
            if state.shim_pid is None or asyncio.get_running_loop().time() > deadline:
                raise RuntimeFailed(f"What ran in {supervised.folder.name} did not take up its new task")
            await asyncio.sleep(0.001)
        return state

    def _prepare(self, supervised: Supervised) -> None:
        folder = supervised.folder
        self._clear(folder)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _log(supervised).parent.mkdir(parents=True, exist_ok=True)
            self._specify(supervised, self._groups.make(str(folder), supervised.memory))
        except OSError as err:
            raise DiskFull(f"Could not write to {folder}", context=str(err), hint="Is the disk full?") from err

    def _specify(self, supervised: Supervised, groups: list[str]) -> None:
        _write(supervised.folder / "spec.json", json.dumps(specification(supervised, groups)))

    async def _start_shim(self, supervised: Supervised) -> None:
        build = systemd.transient_unit if self._use_systemd else systemd.plain
        try:
            await self._runner.run(build(supervised))
            if self._use_systemd:
                await _first_state(supervised.folder)
        except CommandFailed as err:
            raise RuntimeFailed(
                f"Could not start the process keeper of {supervised.folder.name}",
                context=err.output,
                hint="Run `pullet doctor` to see what this box does not allow.",
            ) from err

    def _clear(self, folder: Path) -> None:
        """End what a killed shim left behind, and forget its state."""
        state = _read(folder)
        if holder(folder) is None:
            end_orphans(state)
            proc.remove_groups(state.get("groups", []))
            for name in ("state.json", "drain"):
                (folder / name).unlink(missing_ok=True)


def specification(supervised: Supervised, groups: list[str]) -> dict[str, Any]:
    """`spec.json`. It holds the secrets of the process: mode 0600 in a folder of mode 0700."""
    return {
        "argv": list(supervised.command.argv),
        "cwd": str(supervised.command.cwd) if supervised.command.cwd else None,
        "environment": dict(supervised.command.environment),
        "secrets": list(supervised.command.secrets),
        "user": supervised.user,
        "ambient_capabilities": list(supervised.ambient_capabilities),
        "log": str(_log(supervised)),
        "log_limit": supervised.log_limit,
        "give_up_after": supervised.give_up_after,
        "memory": supervised.memory,
        "socket": str(supervised.socket) if supervised.socket else None,
        "labels": supervised.labels,
        "groups": groups,
    }


def _log(supervised: Supervised) -> Path:
    return supervised.log or supervised.folder / "output.log"


def holder(folder: Path) -> int | None:
    """Pid of the shim that lives in `folder`, as the kernel knows it; None: nobody."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return None
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(lock, fcntl.F_GETLK, question))
        return int(pid) if kind != fcntl.F_UNLCK else None
    finally:
        os.close(lock)


def _open_holder(folder: Path) -> int | None:
    """A pidfd of the shim: asked for twice, so that a pid reused in between is not taken for it."""
    pid = holder(folder)
    if pid is None:
        return None
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if holder(folder) == pid:
        return process
    os.close(process)
    return None


async def _ended(process: int, limit: float) -> bool:
    """Wait until the process behind a pidfd has ended; False when `limit` seconds were not enough."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process, ended.set)
    try:
        async with asyncio.timeout(limit):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process)
    return True


async def _first_state(folder: Path) -> None:
    async with asyncio.timeout(_START_LIMIT):
        while not (folder / "state.json").exists():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0.005)


def end_orphans(state: dict[str, Any]) -> None:
    """Kill what a shim that was itself killed has left: normally nothing, as its child dies with it."""
    pid, started = state.get("pid"), state.get("pid_started")
    left = members(state.get("groups", []))
    if pid and proc.start_time(pid) == started is not None:
        left += [pid, *proc.descendants(pid)]
    for each in left:
        proc.signal_quietly(each, signal.SIGKILL)


def _reason(state: dict[str, Any], alive: bool) -> str:
    """Why it is not up; for one that is up, whether a worker of it had to be killed."""
    if alive and state.get("phase") == "up":
        killed = proc.oom_kills(state.get("groups", [])) - state.get("kills_seen", 0)
        if killed > 0:
            return f"over its memory limit: {killed} of its workers were killed"
    return str(state.get("reason", ""))


def _rename(folder: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(destination, ignore_errors=True)
    try:
        folder.rename(destination)
    except OSError as err:
        raise RuntimeFailed(f"Could not take over {folder.name}", context=str(err)) from err


def _read(folder: Path) -> dict[str, Any]:
    """The state, empty where there is none (or one cut short by a full disk)."""
    with contextlib.suppress(OSError, ValueError):
        state = json.loads((folder / "state.json").read_text("utf-8"))
        if isinstance(state, dict):
            return state
    return {}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for our own eyes only."""
    new = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.rename(path)
