"""The app's own process is looked for once, and again when it or the one above it is another."""

from __future__ import annotations

import pytest

from pullet.drivers.runtime import proc
from pullet.drivers.runtime.app_pids import AppPids


class Processes:
    """One sandbox (pid 10) with the app below it."""

    def __init__(self) -> None:
        self.app: int | None = 11
        self.born = {10: 1, 11: 2}
        self.name = "python"
        self.searches = 0

    def stat_fields(self, pid: int) -> tuple[str, list[str]]:
        if pid not in self.born:
            raise ProcessLookupError(pid)
        return self.name, [*["0"] * proc.START_TIME, str(self.born[pid])]

    def app_pid(self, pid: int) -> int | None:
        assert pid == 10
        self.searches += 1
        return self.app


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    made = Processes()
    monkeypatch.setattr(proc, "app_pid", made.app_pid)
    monkeypatch.setattr(proc, "stat_fields", made.stat_fields)
    return made


def test_it_is_found_once(processes: Processes) -> None:
    pids = AppPids()
    assert [pids.of(10), pids.of(10)] == [11, 11]
    assert processes.searches == 1


def test_one_that_is_not_there_yet_is_looked_for_again(processes: Processes) -> None:
    pids, processes.app = AppPids(), None
    assert pids.of(10) is None
    processes.app = 11
    assert pids.of(10) == 11


@pytest.mark.parametrize("changed", [10, 11])
def test_a_pid_that_was_used_again_is_another_process(processes: Processes, changed: int) -> None:
    pids = AppPids()
    pids.of(10)
    processes.born[changed] += 100
    pids.of(10)
    assert processes.searches == 2


def test_an_app_that_ended_is_looked_for_again(processes: Processes) -> None:
    pids = AppPids()
    pids.of(10)
    del processes.born[11]
    processes.app = None
    assert pids.of(10) is None


def test_one_seen_before_it_became_the_sandbox_is_looked_for_again(processes: Processes) -> None:
    pids, processes.app = AppPids(), 10
    assert pids.of(10) == 10
    processes.name, processes.app = proc.WRAPPERS[0], 11
    assert pids.of(10) == 11
