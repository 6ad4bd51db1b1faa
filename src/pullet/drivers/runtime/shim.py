"""Keeps one process alive outside the daemon's life: one argument, the folder it lives in.

The folder holds `spec.json` (what to run, see `supervisor.specification`), `lock` (a record lock on it proves that the
shim lives, and the kernel names its holder, so a reused pid deceives nobody), `state.json` (replaced by rename at each
change) and `drain` (seconds, written before SIGTERM). Everything is reached through a descriptor of the folder, so the
folder may be renamed under a running shim.

Signals: SIGTERM stops the process and then the shim; SIGHUP reads `spec.json` anew, for the log and for the next start.
The shim is single-threaded and, with proc.py and output.py, needs the standard library only: it runs without site.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time

from pullet.drivers.runtime.output import Log
from pullet.drivers.runtime.proc import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    app_pid,
    children_by_parent,
    descendants,
    drop_to,
    join_groups,
    oom_kills,
    prctl,
    remove_groups,
    signal_quietly,
    start_time,
    stat_fields,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would cost a fifth of the start
    from typing import Any

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0  # seconds between an exit and the next start
HEALTHY_AFTER = 60.0  # seconds of life after which earlier exits are forgotten
DEFAULT_DRAIN = 10.0  # seconds
KILL_LIMIT = 5.0  # seconds to wait for killed processes: one stuck in the kernel must not hold the shim for ever
SHELLS = ("sh", "dash", "bash", "ash")


def become(spec: dict[str, Any], output: int, shim_pid: int) -> None:
    """Turn this forked child into the process that the specification names. Does not return."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    join_groups(spec["groups"])
    os.umask(0o022)
    if spec["user"] is not None:
        drop_to(spec["user"], spec["ambient_capabilities"])
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which clears it
    if os.getppid() != shim_pid:
        os._exit(1)
    os.chdir(spec["cwd"] or "/")
    os.execvpe(spec["argv"][0], spec["argv"], spec["environment"])  # noqa: S606 - this program's purpose


def who_understands(app: int) -> list[int]:
    """Whom to tell that it is time to finish: a shell dies of SIGTERM without telling what it runs and waits for."""
    with contextlib.suppress(OSError):
        if stat_fields(app)[0] in SHELLS:
            return children_by_parent().get(app, [app])
    return [app]


def explain(code: int, out_of_memory: bool, limit: int | None) -> str:
    if out_of_memory:
        size = f" of {limit >> 20} MB" if limit else ""
        return f"killed: over its memory limit{size}"
    number = -code if code < 0 else code - 128
    if code < 0 or code > 128:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(number).name}"
    return f"exited with {code}"


class Shim:
    def __init__(self, folder: int) -> None:
        self.folder = folder
        self.spec = self.read_spec()
        self.log = self.open_log()
        self.reading, self.writing = os.pipe()
        self.waking, waker = os.pipe()
        for descriptor in (self.reading, self.waking, waker):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.poller = select.poll()
        self.poller.register(self.reading, select.POLLIN)
        self.poller.register(self.waking, select.POLLIN)
        self.phase, self.reason = "starting", ""
        self.child: int | None = None
        self.exit_code: int | None = None
        self.started, self.born = 0.0, 0.0
        self.restarts = self.quick_exits = self.kills_seen = 0
        self.delay = FIRST_DELAY
        self.deadline: float | None = None
        self.unsaved = False

    # what it is told

    def read_spec(self) -> dict[str, Any]:
        with open(os.open("spec.json", os.O_RDONLY, dir_fd=self.folder), encoding="utf-8") as file:  # noqa: PTH123
            spec: dict[str, Any] = json.load(file)
            return spec

    def open_log(self) -> Log:
        return Log(self.spec["log"], self.spec["log_limit"], self.spec["secrets"])

    def reload(self) -> None:
        self.spec = self.read_spec()
        self.log.flush()
        self.log.close()
        self.log = self.open_log()
        self.save()

    def drain(self) -> float:
        with contextlib.suppress(OSError, ValueError), open(os.open("drain", os.O_RDONLY, dir_fd=self.folder)) as file:  # noqa: PTH123
            return float(file.read())
        return DEFAULT_DRAIN

    # what it tells

    def save(self) -> None:
        """Replace state.json; where the disk is full, try again on the next turn."""
        state = {
            "phase": self.phase, "shim": os.getpid(), "pid": self.child, "started": self.started,
            "restarts": self.restarts, "exit_code": self.exit_code, "reason": self.reason,
            "labels": self.spec["labels"], "groups": self.spec["groups"], "kills_seen": self.kills_seen,
            "pid_started": start_time(self.child) if self.child else None,
        }  # fmt: skip
        try:
            file = os.open("state.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=self.folder)
            with open(file, "w", encoding="utf-8") as stream:  # noqa: PTH123
                stream.write(json.dumps(state))
            os.replace("state.new", "state.json", src_dir_fd=self.folder, dst_dir_fd=self.folder)
            self.unsaved = False
        except OSError:
            self.unsaved = True

    # what it does

    def start(self) -> None:
        shim_pid = os.getpid()
        self.deadline = None
        self.started, self.born = time.time(), time.monotonic()
        self.kills_seen = oom_kills(self.spec["groups"])
        if socket := self.spec.get("socket"):
            with contextlib.suppress(OSError):
                os.unlink(socket)  # noqa: PTH108 - nobody listens there any more
        self.child = os.fork()
        if self.child == 0:
            try:
                become(self.spec, self.writing, shim_pid)
            except BaseException as err:
                os.write(2, f"pullet: cannot run {self.spec['argv'][0]}: {err}\n".encode())
            finally:
                os._exit(127)
        self.phase = "up"
        self.save()

    def run(self) -> None:
        while self.phase not in ("gone", "crashed"):
            self.turn()
        self.finish()

    def turn(self) -> None:
        timeout = 1.0 if self.unsaved else None
        if self.deadline is not None:
            timeout = min(timeout or 1e6, max(0.0, self.deadline - time.monotonic()))
        ready = {file for file, _ in self.poller.poll(None if timeout is None else int(timeout * 1000) + 1)}
        if self.reading in ready:
            self.copy_output()
        if self.waking in ready:
            self.heed(os.read(self.waking, 4096))
        if self.unsaved:
            self.save()
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.time_is_up()

    def copy_output(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.log.feed(os.read(self.reading, 1 << 16))
            return True
        return False

    def heed(self, numbers: bytes) -> None:
        if signal.SIGHUP in numbers:
            self.reload()
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self.stop()
        if signal.SIGCHLD in numbers:
            self.reap()

    def stop(self) -> None:
        app = app_pid(self.child) if self.child else None
        if app is None:  # in a backoff, or the sandbox is still being set up: nothing to finish
            self.phase = "gone"
            return
        self.phase = "stopping"
        self.deadline = time.monotonic() + self.drain()
        self.save()
        for pid in who_understands(app):
            signal_quietly(pid, signal.SIGTERM)

    def time_is_up(self) -> None:
        if self.phase == "stopping":
            self.log.say("it did not end in the time it had to finish: killed")
            self.phase = "gone"
        else:
            self.restarts += 1
            self.start()

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.child:
                    self.exited(os.waitstatus_to_exitcode(status))

    def exited(self, code: int) -> None:
        kills = oom_kills(self.spec["groups"])
        self.exit_code, self.child = code, None
        self.reason = explain(code, kills > self.kills_seen, self.spec["memory"])
        self.kill_tree()  # workers whose master is gone
        while self.copy_output():
            pass
        self.log.say(self.reason)
        if self.phase == "stopping":
            self.phase = "gone"
        else:
            self.plan_restart()
        self.save()

    def plan_restart(self) -> None:
        if time.monotonic() - self.born >= HEALTHY_AFTER:
            self.quick_exits, self.delay = 0, FIRST_DELAY
        self.quick_exits += 1
        limit = self.spec["give_up_after"]
        if limit is not None and self.quick_exits >= limit:
            self.phase = "crashed"
            self.log.say(f"given up after {self.quick_exits} exits in a row")
            return
        self.phase = "backing-off"
        self.deadline = time.monotonic() + self.delay
        self.delay = min(2 * self.delay, LONGEST_DELAY)

    def kill_tree(self) -> None:
        until = time.monotonic() + KILL_LIMIT
        while (left := descendants(os.getpid())) and time.monotonic() < until:
            for pid in left:
                signal_quietly(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.001)

    def finish(self) -> None:
        self.child = None
        self.kill_tree()
        while self.copy_output():
            pass
        self.log.flush()
        remove_groups(self.spec["groups"])
        self.save()


def take_lock(folder: int) -> bool:
    """A record lock, not flock: fcntl(2) F_GETLK tells others its holder without their taking it."""
    lock = os.open(
        "lock", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=folder
    )  # never closed, never opened twice: see fcntl(2)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def live(folder: int, report: int | None) -> None:
    """The life of a shim. `+` on `report`: the first state is written, or another shim lives here."""
    if take_lock(folder):
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        shim = Shim(folder)
        shim.start()
    else:
        shim = None
    if report is not None:
        os.write(report, b"+")
        os.close(report)
    if shim:
        shim.run()


def leave_caller() -> None:
    """A session of its own and no stream of the caller, so that nothing which ends the caller reaches it."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def main(arguments: list[str]) -> int:
    folder = os.open(arguments[-1], os.O_RDONLY | os.O_DIRECTORY)
    if "--foreground" in arguments:  # a service manager keeps it
        live(folder, None)
        return 0
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        answer = os.read(reading, 4096)
        os.write(2, answer[1:] or b"")
        return 0 if answer == b"+" else 1
    leave_caller()
    os.chdir("/")
    try:
        live(folder, writing)
    except Exception as err:
        with contextlib.suppress(OSError):
            os.write(writing, f"!{err}".encode())
        raise
    return 0


def run() -> None:
    """Entry point of `supervisor.shim_command`."""
    os._exit(main(sys.argv[1:]))
