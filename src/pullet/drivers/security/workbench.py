"""Where engines run: every program in the sandbox, with limits, without network unless it needs one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pullet
from pullet.domain.command import Command, Completed
from pullet.domain.errors import AssessmentFailed, CommandFailed
from pullet.drivers.confinement import Confinement, Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.ports.assessing import Subject

_PACKAGE = Path(pullet.__file__).resolve().parent
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Limits:
    """What one program of an engine may take."""

    seconds: float = 120.0
    memory: int = 2 << 30
    """Bytes of data of one process."""
    output: int = 64 << 20
    """Bytes; more makes the run fail, as half an answer is none."""


@dataclass(frozen=True)
class Errand:
    """One run of a program. The subject's files can be read anyway."""

    argv: tuple[str, ...]
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    ok: frozenset[int] = frozenset({0})
    network: bool = False
    memory: int | None = None
    """Bytes of data of one process; None: the bench's limit."""
    cwd: Path | None = None
    """None: the top of the subject's files."""


class Workbench:
    def __init__(self, runner: ProcessRunner, sandbox: Sandbox, scratch: Path, limits: Limits | None = None) -> None:
        """`scratch`: a folder of Pullet's own, where each engine gets one to write in."""
        self.limits = limits or Limits()
        self._runner = runner
        self._sandbox = sandbox
        self._scratch = scratch

    @contextlib.asynccontextmanager
    async def folder(self, subject: Subject) -> AsyncIterator[Path]:
        """A new empty folder that confined programs may write, when it is named as writable; gone afterwards."""
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
        folder = Path(tempfile.mkdtemp(prefix="assess-", dir=self._scratch))
        try:
            self._sandbox.hand_over(folder, subject.app)
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def run(self, subject: Subject, errand: Errand) -> Completed:
        """Run a program that sees the subject's files and what the errand names, as the app's user.

        Raises AssessmentFailed where it crashes, takes too long or says more than the limit.
        """
        command = Command(
            errand.argv,
            cwd=errand.cwd or subject.tree,
            environment={"PATH": _PATH, "HOME": "/tmp", "LANG": "C.UTF-8", **errand.environment},  # noqa: S108 - inside
            timeout=self.limits.seconds,
            output_limit=self.limits.output,
            stdin=errand.stdin,
            ok=errand.ok,
        )
        confinement = Confinement(
            subject.app,
            writable=tuple(map(str, errand.writable)),
            readable=tuple(dict.fromkeys(map(str, (subject.tree, *errand.readable)))),
            network=errand.network,
            memory=errand.memory or self.limits.memory,
        )
        name = Path(errand.argv[0]).name
        try:
            done = await self._runner.run(self._sandbox.confine(command, confinement))
        except CommandFailed as err:
            how = f"took longer than {self.limits.seconds:g} s" if err.timed_out else f"ended with {err.exit_code}"
            raise AssessmentFailed(f"{name} {how}", context=err.output[-2000:]) from err
        if done.truncated:
            raise AssessmentFailed(f"{name} said more than {self.limits.output >> 20} MB")
        return done

    async def ask(
        self,
        subject: Subject,
        module: str,
        question: Mapping[str, Any],
        *,
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
    ) -> Any:
        """Pullet's own code on hostile files: `python -m MODULE` in the sandbox gets the question as JSON on standard
        input and answers with JSON. The module imports the standard library and the pure layers only.

        Raises AssessmentFailed.
        """
        path = {"PYTHONPATH": str(_PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
        argv = (sys.executable, "-P", "-s", "-W", "ignore", "-m", module)
        seen, asked = (*interpreter(), *readable), json.dumps(question).encode()
        errand = Errand(argv, seen, tuple(writable), environment=path, stdin=asked)
        done = await self.run(subject, errand)
        try:
            return json.loads(done.stdout)
        except ValueError as err:
            raise AssessmentFailed(f"{module} gave no answer", context=str(err)) from err


def interpreter() -> tuple[Path, ...]:
    """What Pullet's own interpreter needs to be seen of."""
    return tuple(dict.fromkeys((Path(sys.prefix), Path(sys.base_prefix), _PACKAGE)))


def program(name: str) -> Path:
    """One that was installed with Pullet. Raises AssessmentFailed."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise AssessmentFailed(f"There is no {name} here", hint="Install Pullet anew: it is one of its dependencies.")
    return Path(found)
