"""The contract of `Supervisor`, on the fake and on real shims; then what only real processes can show."""

# ruff: noqa: ASYNC221

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pullet.domain.command import Command
from pullet.domain.errors import RuntimeFailed
from pullet.domain.runtime import Phase
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.drivers.supervision import Supervised, Supervisor
from tests.fakes.supervisor import FakeSupervisor
from tests.polling import alive, until

ENVIRONMENT = {"PATH": os.defpath}
PATIENT = "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(0)); print('up'); time.sleep(600)"
DEAF = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"


def python(folder: Path, code: str, **options: object) -> Supervised:
    command = Command((sys.executable, "-I", "-S", "-u", "-c", code), environment=ENVIRONMENT)
    return Supervised(folder=folder, command=command, **options)  # type: ignore[arg-type]


@pytest.fixture(params=["fake", pytest.param("shim", marks=pytest.mark.real)])
async def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Supervisor]:
    made: Supervisor = FakeSupervisor() if request.param == "fake" else shims()
    yield made
    for folder in tmp_path.glob("*"):
        await made.stop(folder, 0)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[ShimSupervisor]:
    made = shims()
    yield made
    for folder in tmp_path.glob("*"):
        await made.stop(folder, 0)


def shims() -> ShimSupervisor:
    return ShimSupervisor(ProcessRunner(), cgroups.detect(), use_systemd=False)


def log(folder: Path) -> str:
    path = folder / "output.log"
    return path.read_text("utf-8", "replace") if path.exists() else ""


async def test_nothing_lives_in_a_new_folder(supervisor: Supervisor, tmp_path: Path) -> None:
    assert supervisor.observe(tmp_path / "a").phase is Phase.GONE
    await supervisor.stop(tmp_path / "a", 1)


async def test_a_launched_process_is_up_and_then_gone(supervisor: Supervisor, tmp_path: Path) -> None:
    state = await supervisor.launch(python(tmp_path / "a", PATIENT, labels={"k": "v"}))
    assert (state.phase, state.labels, state.restarts) == (Phase.UP, {"k": "v"}, 0)
    assert state.pid and state.shim_pid
    assert supervisor.observe(tmp_path / "a") == state
    await supervisor.stop(tmp_path / "a", 5)
    assert supervisor.observe(tmp_path / "a").phase is Phase.GONE


async def test_a_second_launch_adopts(supervisor: Supervisor, tmp_path: Path) -> None:
    first = await supervisor.launch(python(tmp_path / "a", PATIENT))
    assert (await supervisor.launch(python(tmp_path / "a", PATIENT))).shim_pid == first.shim_pid


async def test_a_process_moves_to_another_folder(supervisor: Supervisor, tmp_path: Path) -> None:
    first = await supervisor.launch(python(tmp_path / "spare", PATIENT))
    moved = await supervisor.transfer(tmp_path / "spare", python(tmp_path / "web", PATIENT, labels={"as": "web"}))
    assert (moved.pid, moved.shim_pid) == (first.pid, first.shim_pid)
    assert moved.labels == supervisor.observe(tmp_path / "web").labels == {"as": "web"}
    assert supervisor.observe(tmp_path / "spare").phase is Phase.GONE


async def test_nothing_moves_from_an_empty_folder(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailed):
        await supervisor.transfer(tmp_path / "spare", python(tmp_path / "web", PATIENT))


@pytest.mark.real
async def test_another_supervisor_adopts_and_stops(real: ShimSupervisor, tmp_path: Path) -> None:
    state = await real.launch(python(tmp_path / "a", PATIENT))
    await shims().stop(tmp_path / "a", 5)
    assert not alive(state.pid or 0) and not alive(state.shim_pid or 0)


@pytest.mark.real
async def test_it_is_restarted_with_its_output_kept(real: ShimSupervisor, tmp_path: Path) -> None:
    state = await real.launch(python(tmp_path / "a", PATIENT))
    await until(lambda: log(tmp_path / "a").count(" up\n") == 1)
    os.kill(state.pid or 0, signal.SIGKILL)
    await until(lambda: log(tmp_path / "a").count(" up\n") == 2)
    after = real.observe(tmp_path / "a")
    assert (after.restarts, after.exit_code, after.phase) == (1, -9, Phase.UP)
    assert after.reason == "ended by SIGKILL" and after.shim_pid == state.shim_pid


@pytest.mark.real
async def test_a_restart_finds_no_socket_of_its_former_life(real: ShimSupervisor, tmp_path: Path) -> None:
    path = tmp_path / "s"
    code = f"import socket,time; socket.socket(socket.AF_UNIX).bind({str(path)!r}); print('bound'); time.sleep(600)"
    await real.launch(python(tmp_path / "a", code, socket=path))
    await until(lambda: "bound" in log(tmp_path / "a"))
    child = real.observe(tmp_path / "a").pid
    assert child is not None
    os.kill(child, signal.SIGKILL)
    await until(lambda: log(tmp_path / "a").count("bound") == 2)
    path.unlink()


async def test_it_is_given_up_after_quick_exits_and_can_be_launched_again(real: ShimSupervisor, tmp_path: Path) -> None:
    broken = python(tmp_path / "a", "raise SystemExit('no database')", give_up_after=3)
    await real.launch(broken)
    await until(lambda: real.observe(tmp_path / "a").phase is Phase.CRASHED)
    await until(lambda: real.observe(tmp_path / "a").shim_pid is None)
    state = real.observe(tmp_path / "a")
    assert (state.exit_code, state.restarts, state.reason) == (1, 2, "exited with 1")
    assert log(tmp_path / "a").count("no database") == 3
    assert (await real.launch(python(tmp_path / "a", PATIENT))).phase is Phase.UP


@pytest.mark.real
async def test_a_missing_program_is_said_in_the_log(real: ShimSupervisor, tmp_path: Path) -> None:
    await real.launch(Supervised(tmp_path / "a", Command(("/no/such/program",)), give_up_after=1))
    await until(lambda: real.observe(tmp_path / "a").phase is Phase.CRASHED)
    assert "cannot run /no/such/program" in log(tmp_path / "a")


@pytest.mark.real
async def test_sigterm_in_a_backoff_ends_it(real: ShimSupervisor, tmp_path: Path) -> None:
    await real.launch(python(tmp_path / "a", "raise SystemExit(1)", give_up_after=None))
    await until(lambda: real.observe(tmp_path / "a").phase is Phase.BACKING_OFF)
    await real.stop(tmp_path / "a", 60)
    assert real.observe(tmp_path / "a").phase is Phase.GONE


@pytest.mark.real
async def test_a_deaf_process_is_killed_with_its_children(real: ShimSupervisor, tmp_path: Path) -> None:
    escape = (
        "import os,time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  time.sleep(600)\n os._exit(0)\n"
        + DEAF
    )
    state = await real.launch(python(tmp_path / "a", escape))
    await until(lambda: " up\n" in log(tmp_path / "a"))
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(state.shim_pid)], capture_output=True, text=True, check=False
    )
    pids = [int(pid) for pid in children.stdout.split()]
    assert len(pids) == 2  # the process, and the orphan that the shim inherited
    await real.stop(tmp_path / "a", 0.2)
    assert not any(alive(pid) for pid in [*pids, state.shim_pid or 0])
    assert "did not end in the time" in log(tmp_path / "a")


@pytest.mark.real
async def test_a_killed_shim_leaves_nothing_and_is_replaced(real: ShimSupervisor, tmp_path: Path) -> None:
    state = await real.launch(python(tmp_path / "a", DEAF))
    os.kill(state.shim_pid or 0, signal.SIGKILL)
    await until(lambda: not alive(state.pid or 0))
    assert real.observe(tmp_path / "a").phase is Phase.GONE
    again = await real.launch(python(tmp_path / "a", DEAF))
    assert again.phase is Phase.UP and again.shim_pid != state.shim_pid


@pytest.mark.real
async def test_a_shell_is_not_the_only_one_told(real: ShimSupervisor, tmp_path: Path) -> None:
    told = PATIENT.replace("sys.exit(0)", "[print('bye'), sys.exit(0)]")
    line = f'true && {sys.executable} -I -S -u -c "{told}"; true'
    await real.launch(Supervised(tmp_path / "a", Command(("/bin/sh", "-c", line), environment=ENVIRONMENT)))
    await until(lambda: " up\n" in log(tmp_path / "a"))
    await real.stop(tmp_path / "a", 10)
    assert " bye\n" in log(tmp_path / "a")


@pytest.mark.real
async def test_the_log_has_times_no_secrets_no_endless_line_and_an_end(real: ShimSupervisor, tmp_path: Path) -> None:
    code = (
        "print('key=hunter2'); print('x' * 100000); [print('filling', n, 'y' * 100) for n in range(9000)]; print('up');"
        + PATIENT
    )
    command = Command((sys.executable, "-I", "-S", "-u", "-c", code), environment=ENVIRONMENT, secrets=("hunter2",))
    await real.launch(Supervised(tmp_path / "a", command, log_limit=1 << 19))
    old, new = tmp_path / "a" / "output.log.1", tmp_path / "a" / "output.log"
    await until(lambda: new.exists() and " up\n" in new.read_text())
    text = old.read_text() + new.read_text()
    assert "hunter2" not in text
    assert max(map(len, text.splitlines())) < 20000 and old.stat().st_size <= 1 << 19
    assert all(line[:2] == "20" and line[26] == "Z" for line in text.splitlines())
    assert (tmp_path / "a" / "spec.json").stat().st_mode & 0o077 == 0


@pytest.mark.real
async def test_a_log_that_cannot_be_written_harms_nothing(real: ShimSupervisor, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    state = await real.launch(python(tmp_path / "a", PATIENT + "\n", log=tmp_path / "folder"))
    assert state.phase is Phase.UP
    await real.stop(tmp_path / "a", 5)
    (tmp_path / "folder").rmdir()


@pytest.mark.real
async def test_a_process_gets_another_user(real: ShimSupervisor, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can change users")
    show = (
        "print(*[l.split()[1] for l in open('/proc/self/status') if l[:4] in ('Uid:', 'Gid:', 'CapE', 'CapA')]);"
        + PATIENT
    )
    await real.launch(
        Supervised(
            tmp_path / "a",
            Command(("/usr/bin/python3", "-I", "-S", "-u", "-c", show), environment=ENVIRONMENT),
            user=65534,
            ambient_capabilities=("net_bind_service",),
        )
    )
    await until(lambda: "up" in log(tmp_path / "a"))
    assert "65534 65534 0000000000000400 0000000000000400" in log(tmp_path / "a")


@pytest.mark.real
async def test_over_its_memory_limit_it_is_restarted_and_says_so(real: ShimSupervisor, tmp_path: Path) -> None:
    if not cgroups.detect().version:
        pytest.skip("this box gives Pullet no control groups")
    greedy = "import time; x = bytearray(200 << 20); time.sleep(600)"
    await real.launch(python(tmp_path / "a", greedy, memory=50 << 20, give_up_after=2))
    await until(lambda: real.observe(tmp_path / "a").restarts > 0)
    assert real.observe(tmp_path / "a").reason == "killed: over its memory limit of 50 MB"


@pytest.mark.real
async def test_a_shim_is_small(real: ShimSupervisor, tmp_path: Path) -> None:
    state = await real.launch(python(tmp_path / "a", PATIENT))
    pages = int(Path(f"/proc/{state.shim_pid}/statm").read_text().split()[1])
    assert pages * resource.getpagesize() < 20 << 20
