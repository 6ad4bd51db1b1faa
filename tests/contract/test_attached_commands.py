"""The contract of `Runtime.attach`: on the fake what both do, on real programs what a terminal and pipes promise."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pullet.domain.errors import MalformedData
from pullet.domain.frames import CREDIT, Frame, Kind, encode_signal, encode_size
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.runtime import RunRequest, Workplace
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.runtime import ShimRuntime
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.ports import Runtime
from tests.fakes.runtime import FakeRuntime
from tests.fakes.terminal import FakeTerminal
from tests.polling import alive, until

RELEASE = ReleaseId(EnvironmentKey("shop", "production"), 1)
WINDOW = (24, 80)
LIMIT = 30.0  # seconds for any of it


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="pullet-test-") as folder:
        Path(folder).chmod(0o711)
        made = Home(Path(folder))
        made.tree(RELEASE).mkdir(parents=True)
        yield made


async def real_runtime(home: Home) -> ShimRuntime:
    runner, groups = ProcessRunner(), cgroups.detect()
    sandbox = await detect_sandbox(home, runner)
    return ShimRuntime(home, runner, ShimSupervisor(runner, groups, use_systemd=False), sandbox, groups)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
async def runtime(request: pytest.FixtureRequest, home: Home) -> Runtime:
    return FakeRuntime() if request.param == "fake" else await real_runtime(home)


@pytest.fixture
async def real(home: Home) -> Runtime:
    return await real_runtime(home)


async def attach(
    runtime: Runtime,
    home: Home,
    *argv: str,
    caller: FakeTerminal,
    window: tuple[int, int] | None = None,
    timeout: float | None = None,
    memory: int | None = None,
) -> int:
    caller.size = window
    async with asyncio.timeout(LIMIT):
        return await runtime.attach(place(home, memory), argv, caller, term="xterm", timeout=timeout)


def place(home: Home, memory: int | None = None) -> Workplace:
    tree = str(home.tree(RELEASE))
    return Workplace(RELEASE, tree, sys.executable, variables=(("COLOUR", "green"),), memory=memory)


async def python(runtime: Runtime, home: Home, code: str, caller: FakeTerminal, **more: Any) -> int:
    return await attach(runtime, home, "python", "-c", code, caller=caller, **more)


async def test_what_is_typed_comes_back_until_the_input_ends(runtime: Runtime, home: Home) -> None:
    caller = FakeTerminal(b"one\n", b"two\n", Frame(Kind.END_OF_INPUT))
    assert await attach(runtime, home, "cat", caller=caller) == 0
    assert (bytes(caller.out), bytes(caller.err)) == (b"one\ntwo\n", b"")


async def test_it_ends_when_the_caller_leaves(runtime: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    caller.leave()
    await attach(runtime, home, "cat", caller=caller)


@pytest.mark.real
async def test_pipes_keep_output_and_errors_apart(real: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    code = "import os, sys; print(os.environ['COLOUR'], os.isatty(0), os.isatty(1), os.getcwd())"
    assert await python(real, home, code + "; print('oh', file=sys.stderr); sys.exit(7)", caller) == 7
    assert caller.out.decode() == f"green False False {home.tree(RELEASE)}\n"
    assert caller.err == b"oh\n"


@pytest.mark.real
async def test_a_terminal_is_a_terminal(real: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    code = """
import os, termios
print([os.isatty(fd) for fd in (0, 1, 2)], *os.get_terminal_size(), os.getsid(0) == os.getpid() == os.tcgetpgrp(0))
print(open("/dev/tty").isatty(), open("/dev/stdin").isatty())
"""
    assert await python(real, home, code, caller, window=WINDOW) == 0
    assert caller.out == b"[True, True, True] 80 24 True\r\nTrue True\r\n"


@pytest.mark.real
async def test_pipes_can_be_opened_anew_by_name(real: Runtime, home: Home) -> None:
    caller = FakeTerminal(b"in", Frame(Kind.END_OF_INPUT))
    code = "open('/dev/stdout', 'w').write(open('/dev/stdin').read() + ' and out')"
    assert await python(real, home, code, caller) == 0
    assert caller.out == b"in and out"


@pytest.mark.real
async def test_a_resize_reaches_the_program(real: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    code = """
import os, signal, sys
def tell(*_):
    print(*os.get_terminal_size(), flush=True)
    sys.exit(0)
signal.signal(signal.SIGWINCH, tell)
print("ready", flush=True)
while True:
    signal.pause()
"""
    running = asyncio.create_task(python(real, home, code, caller, window=WINDOW))
    await until(lambda: b"ready" in caller.out)
    caller.say(Frame(Kind.SIZE, encode_size(50, 132)))
    assert await running == 0
    assert caller.out.endswith(b"132 50\r\n")


@pytest.mark.real
async def test_ctrl_c_interrupts_the_program_and_nothing_around_it(real: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    code = """
import sys, time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(5)
"""
    running = asyncio.create_task(python(real, home, code, caller, window=WINDOW))
    await until(lambda: b"ready" in caller.out)
    caller.say(b"\x03")
    assert await running == 5
    assert b"interrupted" in caller.out


@pytest.mark.real
async def test_the_end_of_input_is_ctrl_d_in_a_terminal(real: Runtime, home: Home) -> None:
    caller = FakeTerminal(b"word\n", Frame(Kind.END_OF_INPUT))
    code = "import sys; print('read', sys.stdin.read().strip())"
    assert await python(real, home, code, caller, window=WINDOW) == 0
    assert caller.out.endswith(b"read word\r\n")


@pytest.mark.real
@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "TERM"])
async def test_signals_pass_what_was_typed(real: Runtime, home: Home, name: str) -> None:
    """The program reads nothing, more waits for it than a pipe holds, and the signal meets it all the same."""
    caller = FakeTerminal(b"x" * CREDIT)
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); print('ready', flush=True); signal.pause()"
    running = asyncio.create_task(python(real, home, code, caller))
    await until(lambda: b"ready" in caller.out)
    caller.say(Frame(Kind.SIGNAL, encode_signal(signal.Signals[f"SIG{name}"])))
    assert await running == 128 + signal.Signals[f"SIG{name}"]


@pytest.mark.real
@pytest.mark.parametrize("window", [None, WINDOW], ids=["pipes", "terminal"])
async def test_a_program_may_finish_its_work_when_told_to_end(
    real: Runtime, home: Home, window: tuple[int, int] | None
) -> None:
    """A signal meets the program, not the sandbox, which would take it down unasked."""
    caller = FakeTerminal()
    code = """
import signal, sys
def finish(*_):
    open("finished", "w").close()
    sys.exit(0)
for number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, finish)
print("ready", flush=True)
while True:
    signal.pause()
"""
    running = asyncio.create_task(python(real, home, code, caller, window=window))
    await until(lambda: b"ready" in caller.out)
    caller.leave()
    await running
    assert (home.tree(RELEASE) / "finished").exists()


@pytest.mark.real
async def test_a_program_has_the_last_word_on_a_signal(real: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ready", flush=True)
while True:
    signal.pause()
"""
    running = asyncio.create_task(python(real, home, code, caller))
    await until(lambda: b"ready" in caller.out)
    caller.say(Frame(Kind.SIGNAL, encode_signal(signal.SIGTERM)))
    assert await running == 7


@pytest.mark.real
async def test_what_is_no_frame_ends_the_command(real: Runtime, home: Home) -> None:
    mark = f"603{os.getpid()}.{id(home) % 100000}"
    for nonsense in (Frame(Kind.SIGNAL, b"\x09"), Frame(Kind.INPUT, b"x" * (CREDIT + 1)), Frame(Kind.SIZE, b"")):
        caller = FakeTerminal(nonsense)
        caller.taken = 1  # to type more than there is room for
        with pytest.raises(MalformedData):
            await attach(real, home, "sleep", mark, caller=caller, window=WINDOW)
        await until(lambda: not marked(mark), 5)


@pytest.mark.real
async def test_a_terminal_tells_everything_to_a_slow_reader(real: Runtime, home: Home) -> None:
    caller = FakeTerminal(slow=0.001)
    code = "import os\nfor _ in range(64): os.write(1, b'x' * 4095 + b'e')"
    assert await python(real, home, code, caller, window=WINDOW) == 0
    assert len(caller.out) == 64 * 4096


@pytest.mark.real
async def test_no_descriptor_stays_open(real: Runtime, home: Home) -> None:
    async def once(window: tuple[int, int] | None) -> int:
        await attach(real, home, "true", caller=FakeTerminal(), window=window)
        return len(list(Path("/proc/self/fd").iterdir()))

    before = [await once(None), await once(WINDOW)]
    assert [await once(None), await once(WINDOW)] == before


@pytest.mark.real
@pytest.mark.parametrize("window", [None, WINDOW], ids=["pipes", "terminal"])
async def test_nothing_outlives_a_caller_that_leaves(real: Runtime, home: Home, window: tuple[int, int] | None) -> None:
    """Not even what ignores every signal, or has made a session of its own."""
    mark = f"600{os.getpid()}.{id(home) % 100000}{int(window is None)}"
    code = f"""
import os, signal, subprocess
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
print("ready", flush=True)
signal.pause()
"""
    caller = FakeTerminal()
    running = asyncio.create_task(python(real, home, code, caller, window=window))
    await until(lambda: b"ready" in caller.out)
    assert marked(mark)
    caller.leave()
    await running
    await until(lambda: not marked(mark), 5)


@pytest.mark.real
async def test_nothing_outlives_a_call_that_is_cancelled(real: Runtime, home: Home) -> None:
    mark = f"601{os.getpid()}.{id(home) % 100000}"
    caller = FakeTerminal()
    running = asyncio.create_task(attach(real, home, "sleep", mark, caller=caller, window=WINDOW))
    await until(lambda: marked(mark))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not marked(mark), 5)


@pytest.mark.real
async def test_what_it_leaves_in_the_background_ends_with_it(real: Runtime, home: Home) -> None:
    mark = f"602{os.getpid()}.{id(home) % 100000}"
    assert await attach(real, home, "sh", "-c", f"sleep {mark} & exit 3", caller=FakeTerminal()) == 3
    await until(lambda: not marked(mark), 5)


@pytest.mark.real
async def test_ten_megabytes_reach_a_slow_reader_whole(real: Runtime, home: Home) -> None:
    caller = FakeTerminal(slow=0.0005)
    assert await python(real, home, "import os\nfor _ in range(160): os.write(1, b'x' * 65536)", caller) == 0
    assert len(caller.out) == 160 * 65536


@pytest.mark.real
async def test_megabytes_are_typed_whole(real: Runtime, home: Home) -> None:
    caller = FakeTerminal(*[b"y" * 32768] * 64, Frame(Kind.END_OF_INPUT))
    assert await attach(real, home, "wc", "-c", caller=caller) == 0
    assert int(caller.out) == caller.taken == 64 * 32768


@pytest.mark.real
async def test_a_program_that_closes_its_input_loses_nothing_else(real: Runtime, home: Home) -> None:
    caller = FakeTerminal(*[b"y" * 32768] * 8)
    code = "import os, time; os.close(0); print('closed', flush=True); time.sleep(0.2); print('done')"
    assert await python(real, home, code, caller) == 0
    assert caller.out == b"closed\ndone\n"


@pytest.mark.real
@pytest.mark.parametrize("window", [None, WINDOW], ids=["pipes", "terminal"])
async def test_time_runs_out(real: Runtime, home: Home, window: tuple[int, int] | None) -> None:
    caller = FakeTerminal()
    assert await attach(real, home, "sleep", "60", caller=caller, window=window, timeout=0.3) == 124
    assert b"longer than 0.3 s" in caller.err


@pytest.mark.real
async def test_a_program_that_is_not_there(real: Runtime, home: Home) -> None:
    caller = FakeTerminal()
    assert await attach(real, home, "no-such-program", caller=caller) == 127
    assert b"no-such-program" in caller.err


def marked(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:1] == [b"sleep"] and mark.encode() in words and alive(int(folder.name)):
            found.append(int(folder.name))
    return found


@pytest.fixture
def groups() -> list[Path]:
    """The control groups of commands that run once, before the test."""
    if not cgroups.detect().version:
        pytest.skip("this box gives Pullet no control groups")
    return of_this_process()


def of_this_process() -> list[Path]:
    return [folder for folder in cgroups.detect().folders() if folder.name.startswith(f"once-{os.getpid()}-")]


_GREEDY = "x = []\nfor _ in range(40): x.append(bytearray(10 << 20))\nprint('had it all')"
_FORKING = """
import os, signal, sys
made = 0
try:
    while made < 5000:
        if os.fork() == 0:
            signal.pause()
        made += 1
except OSError:
    print("refused", flush=True)
"""


@pytest.mark.real
@pytest.mark.parametrize("window", [None, WINDOW], ids=["pipes", "terminal"])
async def test_over_its_memory_limit_it_is_killed_and_told_so(
    real: Runtime, home: Home, groups: list[Path], window: tuple[int, int] | None
) -> None:
    caller = FakeTerminal()
    assert await python(real, home, _GREEDY, caller, window=window, memory=64 << 20) == 137
    assert b"over its memory limit of 64 MB" in caller.err
    assert b"had it all" not in caller.out
    assert of_this_process() == groups


@pytest.mark.real
async def test_a_release_command_has_the_same_limit(real: Runtime, home: Home, groups: list[Path]) -> None:
    (home.tree(RELEASE) / "greedy.py").write_text(_GREEDY)
    request = RunRequest(place(home, memory=64 << 20), "python greedy.py", timeout=LIMIT)
    result = await real.run(request, lambda line: None)
    assert (result.exit_code, result.output) == (137, "pullet: killed: over its memory limit of 64 MB")
    assert of_this_process() == groups


@pytest.mark.real
async def test_a_fork_bomb_is_refused(real: Runtime, home: Home, groups: list[Path]) -> None:
    caller = FakeTerminal()
    assert await python(real, home, _FORKING, caller) == 0
    assert caller.out == b"refused\n"
    assert of_this_process() == groups


@pytest.mark.real
async def test_groups_of_a_killed_daemon_are_swept_away(real: Runtime, home: Home, groups: list[Path]) -> None:
    left = cgroups.detect().make_named(f"once-99999999-{os.getpid()}", None)  # above any pid, proc(5)
    await attach(real, home, "true", caller=FakeTerminal())
    assert [folder for folder in left if Path(folder).exists()] == []
