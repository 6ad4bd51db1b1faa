"""A box whose PID 1 is systemd: a real one, booted in namespaces of its own with nothing but empty targets.

Its units cannot touch this machine: no generator, no tmpfiles, no udev runs, and /run is its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.e2e.pullet import Pullet, Result, children, command_line, until

SYSTEMD = Path("/lib/systemd/systemd")
_UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--cgroup")
_TARGETS = ("sysinit", "basic", "shutdown", "default")
_BOOT = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=pullet-test SYSTEMD_UNIT_PATH="$1" \
    SYSTEMD_GENERATOR_PATH=/nowhere "$2" --system --log-target=console --unit=default.target
"""


class SystemdBox:
    def __init__(self) -> None:
        self.units = Path(tempfile.mkdtemp(prefix="pullet-units-"))
        for name in _TARGETS:
            (self.units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        self._boot = subprocess.Popen(
            (*_UNSHARE, "sh", "-ec", _BOOT, "boot", str(self.units), str(SYSTEMD)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def boots(self) -> bool:
        """Whether this machine lets it come up."""
        with contextlib.suppress(AssertionError):
            until(lambda: self._boot.poll() is not None or self._is_running(), 20)
        return self._boot.poll() is None and self._is_running()

    def inside(self, *argv: str) -> tuple[str, ...]:
        """The command line that runs `argv` in there."""
        return ("nsenter", "--target", str(self._init()), "--mount", "--pid", "--cgroup", "--wd=/", *argv)

    def run(self, *argv: str) -> str:
        done = subprocess.run(self.inside(*argv), capture_output=True, text=True, check=False, timeout=30)
        return done.stdout + done.stderr

    def services(self) -> list[str]:
        listed = self.run("systemctl", "list-units", "--type=service", "--plain", "--no-legend", "--no-pager")
        return sorted(line.split()[0] for line in listed.splitlines() if line.startswith("pullet-"))

    def halt(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._boot.pid, signal.SIGKILL)  # --kill-child: everything in its namespace goes with it
        self._boot.wait(20)
        shutil.rmtree(self.units)

    def _init(self) -> int:
        return children(self._boot.pid)[0]

    def _is_running(self) -> bool:
        try:
            return self.run("systemctl", "is-system-running").strip() in ("running", "degraded")
        except (OSError, LookupError):
            return False


class SystemdPullet(Pullet):
    """Every command line runs in the box."""

    def __init__(self, box: SystemdBox) -> None:
        super().__init__()
        self.box = box

    def run(self, *arguments: str, limit: float = 90.0) -> Result:
        variables = (f"{name}={value}" for name, value in self.environment().items())
        argv = self.box.inside("env", "-i", *variables, *command_line(*arguments))
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=limit)
        return Result(done.returncode, done.stdout, done.stderr)
