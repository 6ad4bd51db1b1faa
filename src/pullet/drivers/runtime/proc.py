"""Processes as /proc and prctl(2) show them. Standard library only, and little of it: the shim runs on this."""

from __future__ import annotations

import contextlib
import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT = 1, 8, 36, 47
WRAPPERS = ("bwrap",)
START_TIME = 19  # where `stat_fields` has it
_CAPABILITY_NUMBERS = {"net_bind_service": 10}

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *values: int) -> None:
    padded = (*values, 0, 0, 0, 0)[:4]
    if _libc.prctl(option, *(ctypes.c_ulong(value) for value in padded)) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def stat_fields(pid: int) -> tuple[str, list[str]]:
    """(command name, fields from `state` on) of /proc/PID/stat, proc(5). Raises OSError when it is gone."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib costs a third of this program's start
        text = file.read().decode("utf-8", "replace")
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, rest.split()


def start_time(pid: int) -> int | None:
    """Clock ticks since boot: with the pid, an identity that is never reused."""
    with contextlib.suppress(OSError):
        return int(stat_fields(pid)[1][START_TIME])
    return None


def children_by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                found.setdefault(int(stat_fields(int(entry))[1][1]), []).append(int(entry))
    return found


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, parents first. Complete for a subreaper: nothing below it can escape."""
    tree, found = children_by_parent(), []
    todo = list(tree.get(pid, ()))
    while todo:
        current = todo.pop(0)
        found.append(current)
        todo += tree.get(current, ())
    return found


def app_pid(pid: int) -> int | None:
    """The app's own process: the first at or below `pid` that is not the sandbox; None while that is still set up."""
    with contextlib.suppress(OSError):
        if stat_fields(pid)[0] not in WRAPPERS:
            return pid
        for child in children_by_parent().get(pid, ()):
            return app_pid(child)
    return None


def signal_quietly(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def join_groups(groups: list[str]) -> None:
    for group in groups:
        with open(f"{group}/cgroup.procs", "wb", buffering=0) as file:  # noqa: PTH123
            file.write(b"0")


def oom_kills(groups: list[str]) -> int:
    """How often the kernel killed in these groups for want of memory, so far (cgroup v2 or v1)."""
    total = 0
    for group in groups:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError, ValueError), open(f"{group}/{name}") as file:  # noqa: PTH123
                total += sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    return total


def remove_groups(groups: list[str]) -> None:
    for group in groups:
        with contextlib.suppress(OSError):
            os.rmdir(group)  # noqa: PTH106


def drop_to(user: int, ambient: list[str]) -> None:
    """Change to uid and gid `user`, keeping only the named capabilities, capabilities(7)."""
    numbers = [_CAPABILITY_NUMBERS[name] for name in ambient]
    if numbers:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if numbers:
        mask = sum(1 << number for number in numbers)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
        data = (ctypes.c_uint32 * 6)(
            mask, mask, mask, 0, 0, 0
        )  # effective, permitted, inheritable; low then high words
        if _libc.capset(header, data) != 0:
            raise OSError(ctypes.get_errno(), "capset")
        for number in numbers:
            prctl(PR_CAP_AMBIENT, 2, number)  # PR_CAP_AMBIENT_RAISE
