"""`pullet run` and `pullet db shell` as people use them: in pipes and in a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.pullet import Pullet, command_line, kill, until
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e


@pytest.fixture
def shop(pullet: Pullet, new_repository: Callable[[Pullet], Repository]) -> Repository:
    repository = new_repository(pullet)
    repository.push(pullet_toml='[variables]\nCOLOUR = "green"\n')
    pullet.up(repository)
    return repository


def run(pullet: Pullet, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command_line("run", *arguments),
        env=pullet.environment(),
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )


class Person:
    """Somebody at a terminal."""

    def __init__(self, pullet: Pullet, *arguments: str) -> None:
        self.seen = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            command = command_line(*arguments)
            os.execve(command[0], command, pullet.environment() | {"TERM": "xterm"})
        os.set_blocking(self._terminal, False)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def sees(self, text: str, limit: float = 30.0) -> None:
        until(lambda: self.look() and text.encode() in self.seen, limit, lambda: self.seen.decode(errors="replace"))

    def code(self) -> int:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self.look()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        raise AssertionError(self.seen)

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self._terminal)[3] & termios.ICANON

    def leave(self) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def look(self) -> bool:
        with contextlib.suppress(BlockingIOError, OSError):
            self.seen += os.read(self._terminal, 65536)
        return True


@pytest.fixture
def person(pullet: Pullet) -> Iterator[Callable[..., Person]]:
    made: list[Person] = []

    def make(*arguments: str) -> Person:
        made.append(Person(pullet, *arguments))
        return made[-1]

    yield make
    for each in made:
        each.leave()


def test_in_pipes(pullet: Pullet, shop: Repository) -> None:
    code = "import os, sys; print(os.environ['COLOUR'], sys.stdin.read()); print('oh', file=sys.stderr); sys.exit(7)"
    done = run(pullet, shop.name, "--", "python", "-c", code, stdin=b"typed")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"green typed\n", b"oh\n")


def test_more_than_fits_anywhere_goes_through_both_ways(pullet: Pullet, shop: Repository) -> None:
    data = os.urandom(3 << 20)
    assert run(pullet, shop.name, "--", "cat", stdin=data).stdout == data


def test_what_cannot_be_run_is_said(pullet: Pullet, shop: Repository) -> None:
    assert run(pullet, shop.name, "--", "no-such-program").returncode == 127
    assert run(pullet, "nowhere", "--", "true").returncode == 2
    assert run(pullet, shop.name, "--timeout", "0.5", "--", "sleep", "60").returncode == 124
    assert run(pullet, shop.name, "--timeout", "nan", "--", "true").returncode == 2


def test_ctrl_c_of_a_command_line_in_a_pipe_reaches_the_command(pullet: Pullet, shop: Repository) -> None:
    code = "import signal, sys; signal.signal(2, lambda *_: sys.exit(9)); print('on', flush=True); signal.pause()"
    command = subprocess.Popen(
        command_line("run", shop.name, "--", "python", "-c", code),
        env=pullet.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == b"on\n"
    command.send_signal(signal.SIGINT)
    assert command.wait(20) == 9
    command.stdout.close()


def test_a_session_in_a_terminal(pullet: Pullet, shop: Repository, person: Callable[..., Person]) -> None:
    somebody = person("run", shop.name, "--", "env", "PYTHON_BASIC_REPL=1", "python", "-q")
    somebody.sees(">>> ")
    assert somebody.is_raw()
    somebody.type("import os; print(os.environ['COLOUR'] * 2)\r")
    somebody.sees("greengreen")
    for rows, columns in ((30, 100), (50, 132)):
        somebody.resize(rows, columns)
        until(lambda size=f"{columns}x{rows}": _is_told(somebody, size), 20, lambda: repr(somebody.seen))  # type: ignore[misc]
    somebody.type("while True: pass\r\r")
    time.sleep(0.5)
    somebody.type("\x03")
    somebody.sees("KeyboardInterrupt")
    somebody.type("exit(5)\r")
    assert somebody.code() == 5


def _is_told(somebody: Person, size: str) -> bool:
    """The size of the terminal as the program there sees it, once it has heard."""
    somebody.type("print(*os.get_terminal_size(), sep='x')\r")
    time.sleep(0.1)
    somebody.look()
    return size.encode() in somebody.seen


def test_nothing_outlives_somebody_who_is_gone(pullet: Pullet, shop: Repository, person: Callable[..., Person]) -> None:
    somebody = person("run", shop.name, "--", "sh", "-c", "echo on; exec sleep 98765")
    somebody.sees("on")
    assert pullet.processes("98765")
    os.kill(somebody.pid, signal.SIGKILL)
    until(lambda: not [line for line in pullet.processes("98765").values() if line.startswith("sleep")], 10)


def test_who_ran_something_is_recorded_without_its_words(pullet: Pullet, shop: Repository) -> None:
    run(pullet, shop.name, "--", "echo", "a-password")
    [event] = [row for row in pullet.events(shop.name) if row["kind"] == "run"]
    assert "echo" in event["message"]
    assert "a-password" not in event["message"]


def test_nothing_outlives_a_daemon_that_is_killed(own: Pullet, new_repository: Callable[[Pullet], Repository]) -> None:
    repository = new_repository(own)
    own.up(repository)
    command = subprocess.Popen(
        command_line("run", repository.name, "--", "sh", "-c", "echo on; trap '' TERM HUP; sleep 98764; sleep 98764"),
        env=own.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == b"on\n"
    kill(int((own.home / "daemon.lock").read_text()))
    _, said = command.communicate(timeout=20)
    assert (command.returncode, b"the daemon is gone" in said) == (125, True)
    until(lambda: not own.processes("98764"), 10)


def test_the_terminal_is_as_before_when_the_command_line_is_told_to_end(
    pullet: Pullet, shop: Repository, person: Callable[..., Person]
) -> None:
    somebody = person("run", shop.name, "--", "sh", "-c", "echo on; exec sleep 98763")
    somebody.sees("on")
    assert somebody.is_raw()
    os.kill(somebody.pid, signal.SIGTERM)
    assert somebody.code() == 128 + signal.SIGTERM
    assert not somebody.is_raw()
    until(lambda: not pullet.processes("98763"), 10)


def test_a_reader_that_has_enough_ends_the_command(pullet: Pullet, shop: Repository) -> None:
    """`pullet run shop -- yes | head -n 1`"""
    command = subprocess.Popen(
        command_line("run", shop.name, "--", "sh", "-c", "yes 98762"),
        env=pullet.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == b"98762\n"
    command.stdout.close()
    assert command.wait(20) == 141
    until(lambda: not pullet.processes("yes 98762"), 10)
