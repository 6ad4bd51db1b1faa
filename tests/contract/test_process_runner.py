"""The process runner on real programs: exit codes, limits, cancellation, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, DiskFull, RuntimeFailed
from pullet.drivers.process import ProcessRunner, redact

pytestmark = pytest.mark.real


def python(code: str, **options: object) -> Command:
    return Command((sys.executable, "-I", "-S", "-c", code), **options)  # type: ignore[arg-type]


async def test_output_exit_code_and_lines_as_they_come() -> None:
    lines: list[str] = []
    done = await ProcessRunner().run(python("print('one'); print('two', end='')"), log=lines.append)
    assert done.exit_code == 0
    assert done.text == "one\ntwo"
    assert lines == ["one", "two"]


async def test_an_unexpected_exit_code_is_an_error_with_the_output() -> None:
    with pytest.raises(CommandFailed) as caught:
        await ProcessRunner().run(python("import sys; sys.exit('it broke')"))
    assert caught.value.exit_code == 1
    assert "it broke" in caught.value.output


async def test_expected_exit_codes_are_results() -> None:
    done = await ProcessRunner().run(python("raise SystemExit(3)", ok=frozenset({3})))
    assert done.exit_code == 3


async def test_the_environment_is_only_what_was_named() -> None:
    done = await ProcessRunner().run(python("import os; print(sorted(os.environ))", environment={"A": "1"}))
    assert set(eval(done.text)) <= {"A", "LC_CTYPE"}  # LC_CTYPE: Python's own, PEP 538


async def test_standard_input_is_fed() -> None:
    done = await ProcessRunner().run(python("import sys; print(len(sys.stdin.read()))", stdin=b"x" * 300_000))
    assert done.text == "300000\n"


async def test_a_reader_that_closes_early_is_no_error() -> None:
    done = await ProcessRunner().run(python("pass", stdin=b"x" * 3_000_000))
    assert done.exit_code == 0


async def test_too_much_output_is_counted_and_dropped() -> None:
    done = await ProcessRunner().run(python("print('x' * 99)\nprint('y' * 100_000)", output_limit=100))
    assert len(done.stdout) == 100
    assert done.truncated == 100_001


async def test_secrets_appear_nowhere() -> None:
    lines: list[str] = []
    with pytest.raises(CommandFailed) as caught:
        await ProcessRunner().run(
            python("import sys; print('key=hunter22'); sys.exit(1) # hunter22", secrets=("hunter2", "hunter22")),
            log=lines.append,
        )
    assert lines == ["key=***"]
    assert "hunter2" not in f"{caught.value} {caught.value.argv}"


def test_the_longest_secret_is_hidden_first() -> None:
    assert redact("abc-abcdef", ("abc", "abcdef", "")) == "***-***"


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(RuntimeFailed, match="no-such-program"):
        await ProcessRunner().run(Command(("no-such-program",)))


async def test_a_full_disk_is_called_that() -> None:
    with pytest.raises(DiskFull):
        await ProcessRunner().run(python("raise OSError(28, 'No space left on device')"))


SPAWNER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-I', '-S', '-c',
    'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)'])
open(sys.argv[1] if len(sys.argv) > 1 else {path!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')
time.sleep(60)
"""


async def test_a_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(CommandFailed) as caught:
        await ProcessRunner().run(python(SPAWNER.format(path=str(pids)), timeout=1.5))
    assert caught.value.timed_out
    await _assert_gone(pids)


async def test_cancelling_ends_the_whole_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(ProcessRunner().run(python(SPAWNER.format(path=str(pids)))))
    async with asyncio.timeout(20):
        while not (pids.exists() and pids.read_text().count(" ")):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _assert_gone(pids)


async def _assert_gone(pids: Path) -> None:
    async with asyncio.timeout(5):
        for pid in map(int, pids.read_text().split()):
            while _alive(pid):
                await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A grandchild that was killed may stay a zombie until init reaps it: it runs no more.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
