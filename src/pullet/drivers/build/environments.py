"""Python environments, one folder a digest, shared by all releases with equal interpreter and lock.

An environment is made under another name and renamed into place, so one that has its name is complete: a kill at
any moment leaves garbage with a leading dot, which the next call removes. Apps share those made of nothing but wheels
named by their hash; where anything was built, foreign code ran, and the environment is that app's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.errors import CommandFailed
from pullet.drivers.build.bytecode import compile_folder
from pullet.drivers.build.explain import failure, needs_build
from pullet.drivers.build.interpreters import Interpreter
from pullet.drivers.build.locks import Lock, digest
from pullet.drivers.build.uv import BUILD_CONSTRAINTS, Uv
from pullet.drivers.build.workshop import Job, NeedsBuild, Workshop, until_error, write_lines
from pullet.drivers.listing import inside

_FORMAT = "1"  # part of every digest: raise it when environments shall be made anew
_WHAT = "Could not install the dependencies"
_FOR_TESTS = 48 * 3600.0
"""Seconds for which an environment is spared since tests were last given it: no release names it, and the next commit
most likely wants it again. Longer than any run of tests."""


@dataclass(frozen=True)
class Environment:
    folder: Path

    @property
    def digest(self) -> str:
        return self.folder.name

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"


def shared_digest(interpreter: Interpreter, lock: Lock) -> str:
    return digest("environment", _FORMAT, interpreter.identity, lock.body)


def own_digest(interpreter: Interpreter, lock: Lock, app: str) -> str:
    return digest("environment", _FORMAT, interpreter.identity, lock.body, app)


@dataclass
class Environments:
    workshop: Workshop
    _locks: weakref.WeakValueDictionary[str, asyncio.Lock] = field(default_factory=weakref.WeakValueDictionary)
    _handed_out: dict[str, float] = field(default_factory=dict)
    """Digest -> monotonic time: its release may not be recorded yet."""

    @property
    def _folder(self) -> Path:
        return self.workshop.home.pythons

    def find(self, job: Job, lock: Lock) -> Environment | None:
        """The environment of this lock, where it has been made; a look at two folders, starts nothing."""
        names = [own_digest(job.interpreter, lock, job.app)]
        if lock.hashed:
            names.append(shared_digest(job.interpreter, lock))
        for name in names:
            if (self._folder / name / "bin/python").exists():
                self._handed_out[name] = time.monotonic()
                return Environment(self._folder / name)
        return None

    async def ensure(self, job: Job, lock: Lock) -> Environment:
        """The environment of this lock, made now if need be, once however many ask. Raises BuildFailed, DiskFull."""
        name = shared_digest(job.interpreter, lock)
        async with self._locks.setdefault(name, asyncio.Lock()):
            found = self.find(job, lock)
            if found is None:
                await self.workshop.sweep(self._folder)
                found = await self._make(job, lock)
            self._handed_out[found.digest] = time.monotonic()
            return found

    async def _make(self, job: Job, lock: Lock) -> Environment:
        if lock.hashed:
            try:
                return await self._make_shared(job, lock)
            except CommandFailed as err:
                if not needs_build(err.output):
                    raise failure(err.output, _WHAT) from err
                if job.wheels_only:
                    raise NeedsBuild from err
                job.log("A dependency has no wheel for this Python: building it from source, confined.")
        return await self._make_own(job, lock)

    async def _make_shared(self, job: Job, lock: Lock) -> Environment:
        async with self.workshop.folder(self._folder) as target, self.workshop.scratch() as scratch:
            uv = self.workshop.uv
            await self._empty(job, uv, target)
            (scratch / "lock.txt").write_text(lock.body)
            await self.workshop.own(until_error(job), uv.sync(target, scratch, lock.indexes, hashed=True, build=False))
            return await self._finish(job, target, shared_digest(job.interpreter, lock))

    async def _make_own(self, job: Job, lock: Lock) -> Environment:
        async with self.workshop.folder(self._folder) as target, self.workshop.scratch() as scratch:
            uv = self.workshop.foreign_uv(job.app, scratch)
            await self._empty(job, self.workshop.uv, target)
            (scratch / "lock.txt").write_text(lock.body)
            for folder in (target, scratch):
                self.workshop.sandbox.hand_over(folder, job.app)
            write_lines(scratch / BUILD_CONSTRAINTS, job.build_constraints)
            files = (BUILD_CONSTRAINTS,) if job.build_constraints else ()
            hashed = lock.hashed and bool(lock.entries)
            command = uv.sync(target, scratch, lock.indexes, hashed=hashed, build=True, files=files)
            await self.workshop.judged(job, command, (target, scratch, uv.cache), what=_WHAT)
            await asyncio.to_thread(take_back, target)
            return await self._finish(job, target, own_digest(job.interpreter, lock, job.app))

    async def _finish(self, job: Job, target: Path, name: str) -> Environment:
        await self.workshop.judged(job, compile_folder(job.interpreter, target / "lib"), what=_WHAT)
        return self._put(target, name)

    async def _empty(self, job: Job, uv: Uv, target: Path) -> None:
        command = uv.venv(job.interpreter.path, target)
        await self.workshop.judged(job, command, what="Could not make a Python environment")

    def _put(self, target: Path, name: str) -> Environment:
        final = self._folder / name
        try:
            target.rename(final)
        except OSError as err:
            if err.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            self._retire(final)  # it has the name but is not whole, or `find` had taken it
            target.rename(final)
        return Environment(final)

    def _retire(self, folder: Path) -> Path:
        """Rename away what is no longer to be used: half an environment never has an environment's name."""
        garbage = folder.with_name(f".gone-{folder.name}-{time.monotonic_ns()}")
        folder.rename(garbage)
        return garbage

    @property
    def _notes(self) -> Path:
        """One empty file a digest; on disk, as `pullet test` is a process of its own."""
        return self.workshop.home.cache / "for-tests"

    def keep(self, environment: Environment) -> None:
        """Tests are given it: `discard` spares it for two days from now."""
        self._notes.mkdir(parents=True, exist_ok=True)
        (self._notes / environment.digest).touch()

    def _for_tests(self) -> set[str]:
        """Digests of those that tests were given lately."""
        now, lately = time.time(), set()
        for note in inside([self._notes]):
            with contextlib.suppress(FileNotFoundError):
                if abs(now - note.stat().st_mtime) < _FOR_TESTS:
                    lately.add(note.name)
                else:
                    note.unlink()
        return lately

    async def discard(self, in_use: frozenset[str]) -> int:
        """Remove those that no release and no test uses and that were not handed out just now; return the bytes
        freed."""
        now, keep = time.monotonic(), self.workshop.settings.keep_unused
        self._handed_out = {name: at for name, at in self._handed_out.items() if now - at < keep}
        kept = in_use | self._handed_out.keys() | self._for_tests()
        unused = [folder for folder in _complete(self._folder) if folder.name not in kept]
        freed = sum([await asyncio.to_thread(_remove, self._retire(folder)) for folder in unused])
        await self.workshop.sweep(self._folder)
        return freed


def _complete(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if not path.name.startswith(".")] if parent.is_dir() else []


def _remove(folder: Path) -> int:
    freed = sum(
        status.st_blocks * 512
        for parent, _, names in os.walk(folder)
        for name in names
        if (status := os.lstat(Path(parent, name))).st_nlink == 1  # the cache holds the others
    )
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def take_back(folder: Path) -> None:
    """Make Pullet the owner of what a confined process wrote, so that the app can change it no more."""
    if os.geteuid() != 0:
        return
    for parent, folders, names in os.walk(folder, topdown=True):
        os.chown(parent, 0, 0, follow_symlinks=False)
        for name in (*folders, *names):
            os.chown(Path(parent, name), 0, 0, follow_symlinks=False)
