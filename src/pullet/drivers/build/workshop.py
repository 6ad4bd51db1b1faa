"""Where the work of a build happens: scratch folders, caches, and the line between Pullet's own processes and others.

Two ways to run uv. As Pullet itself, with the cache that all apps share: only for what runs no foreign code (resolving
and installing wheels). Confined, as the app's user, with a cache of the app's own: for everything that does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from uv import find_uv_bin

from pullet.domain.command import Command, Completed
from pullet.domain.errors import BuildFailed, CommandFailed
from pullet.domain.home import Home
from pullet.drivers import inside
from pullet.drivers.build.explain import failure
from pullet.drivers.build.interpreters import Interpreter
from pullet.drivers.build.settings import BuildSettings, Deadline, local_places
from pullet.drivers.build.uv import Uv
from pullet.drivers.confinement import Confinement, Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.ports import LogSink


@dataclass(frozen=True)
class Job:
    """One build as its steps see it."""

    app: str
    interpreter: Interpreter
    log: LogSink
    deadline: Deadline
    wheels_only: bool = False
    """Raise NeedsBuild rather than build a dependency from source: another interpreter may have its wheel."""
    build_constraints: tuple[str, ...] = ()
    """Bounds for what packages are built with."""


class NeedsBuild(Exception):
    """A dependency has no wheel for the interpreter, and only wheels were wanted."""


@dataclass
class Workshop:
    """What the steps of all builds share."""

    home: Home
    runner: ProcessRunner
    sandbox: Sandbox
    settings: BuildSettings
    binary: str = field(default_factory=find_uv_bin)
    _in_use: set[Path] = field(default_factory=set)

    @property
    def uv(self) -> Uv:
        """uv for Pullet's own processes."""
        own_home = self.settings.environ.get("HOME")
        environment = {**self.settings.network, **self.settings.index, **({"HOME": own_home} if own_home else {})}
        return Uv(self.binary, self.home.cache / "uv", environment, self.settings.secrets)

    def foreign_uv(self, app: str, scratch: Path) -> Uv:
        """uv for processes that run foreign code: an empty home, and a cache that only this app uses."""
        cache = self.home.cache / "apps" / app / "uv"
        cache.mkdir(parents=True, exist_ok=True)
        self.sandbox.hand_over(cache, app)
        environment = {**self.uv.environment, "HOME": str(scratch)}
        environment.pop("NETRC", None)  # credentials of every host, for code that needs none of them
        return replace(self.uv, cache=cache, environment=environment)

    @contextlib.asynccontextmanager
    async def folder(self, parent: Path) -> AsyncIterator[Path]:
        """A new folder beside what it may become; gone at the end unless it was renamed. Its leading dot marks it as
        garbage for `sweep`, should Pullet die."""
        path = _new_folder(parent)
        self._in_use.add(path)
        try:
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            self._in_use.discard(path)

    def scratch(self) -> contextlib.AbstractAsyncContextManager[Path]:
        return self.folder(self.home.cache / "scratch")

    async def sweep(self, parent: Path) -> None:
        """Remove what a killed build left behind."""
        for path in _leftovers(parent):
            if path not in self._in_use:
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    async def own(self, job: Job, command: Command) -> Completed:
        """Run a command that runs no foreign code. Raises BuildFailed, DiskFull, CommandFailed."""
        return await self._run(job, command)

    async def confined(
        self,
        job: Job,
        command: Command,
        writable: tuple[Path, ...],
        own: Mapping[str, str],
        readable: tuple[Path, ...] = (),
        shown_as: tuple[tuple[str, str], ...] = (),
    ) -> Completed:
        """Run a command that may run foreign code, as the app's user, with only `writable` to write to.

        `own`: the variables that come from Pullet's settings. Places that they name can be read; those that a
        repository's variables name cannot, or a variable could bring any folder of the box into the sandbox.
        """
        self.home.pythons.mkdir(parents=True, exist_ok=True)  # the first build of all may have to be confined
        confinement = Confinement(
            app=job.app,
            writable=tuple(map(str, writable)),
            readable=(
                *(self.binary, job.interpreter.prefix, str(self.home.pythons), inside.FOLDER),
                *(*map(str, readable), *local_places(own)),
            ),
            shown_as=shown_as,
            memory=self.settings.memory,
            processes=self.settings.processes,
        )
        return await self._run(job, self.sandbox.confine(command, confinement))

    async def _run(self, job: Job, command: Command) -> Completed:
        limited = replace(command, timeout=job.deadline.remaining)
        try:
            return await self.runner.run(limited, log=job.log)
        except CommandFailed as err:
            if err.timed_out:
                raise too_long(job.deadline, err.output) from err
            raise

    async def judged(self, job: Job, command: Command, writable: tuple[Path, ...] = (), *, what: str) -> Completed:
        """Run uv, confined where `writable` names folders; its failure becomes a BuildFailed that says what to do."""
        try:
            return await (
                self.confined(job, command, writable, command.environment) if writable else self.own(job, command)
            )
        except CommandFailed as err:
            raise failure(err.output, what) from err


def until_error(job: Job) -> Job:
    """The same job without the errors of a first try in its log: a second may succeed, and the failure has them."""
    failed = False

    def log(line: str) -> None:
        nonlocal failed
        failed = failed or line.startswith("error: ")
        if not failed:
            job.log(line)

    return replace(job, log=log)


def _new_folder(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
    path.chmod(0o755)  # an app's user reads what was built for it
    return path


def _leftovers(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.name.startswith(".")] if parent.is_dir() else []


def too_long(deadline: Deadline, output: str) -> BuildFailed:
    return BuildFailed(
        f"The build did not end within {deadline.limit:g} s",
        context="\n".join(output.splitlines()[-20:]),
        hint="Look at its last lines for what it waited for; a build that needs longer needs a higher limit.",
    )


def write_file(path: Path, text: str) -> None:
    """Replace a file in one step; a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def write_lines(path: Path, lines: tuple[str, ...]) -> None:
    if lines:
        path.write_text("".join(f"{line}\n" for line in lines))
