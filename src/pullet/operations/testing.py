"""Run the tests of a folder without a daemon."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.analysis.testing.selecting import affected
from pullet.domain.app import AppSpec
from pullet.domain.errors import PulletError, UsageError
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.testing import Runner, SuiteSpec, Tested
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.build.development import plain_spec
from pullet.drivers.build.inputs import TreeFiles
from pullet.drivers.confinement import Sandbox
from pullet.drivers.folder import FolderTree
from pullet.drivers.installed import has, installed
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.security.folder import FolderSubjects
from pullet.drivers.security.workbench import Workbench
from pullet.drivers.testing.columns import tester
from pullet.drivers.testing.trees import copied
from pullet.ports import LogSink, Subject, Suite
from pullet.reconcile.suites import as_asked, run_columns
from pullet.reconcile.understanding import detected_tests, understand_app

_APP = "tested"
"""Whose user the tests run as where there is no app yet."""
_RELEASE = ReleaseId(EnvironmentKey(_APP, "folder"), 1)
_LOOK = 0.5  # seconds between two looks whether something has changed
_SOURCE = 1 << 20  # bytes of a file that is read for what it imports


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for on a machine of their own."""

    folder: Path
    columns: tuple[str, ...] = ("cpython",)
    arguments: tuple[str, ...] = ()
    """For pytest, beyond those of the app's own command."""
    python: Path | None = None
    """Interpreter that has the app's dependencies and pytest; None: the folder's own, else one that is made."""
    limit: float | None = None
    """Seconds for one test; None: as pullet.toml says."""
    shards: int = 0
    network: bool = False
    fresh: bool = False
    """Run everything, whatever is known of equal inputs."""
    only: tuple[str, ...] | None = None
    """Ids; None: all."""
    changed: bool = False
    """Only the files of tests that what differs from the last commit can change."""


class FolderTests:
    """One folder, with everything that is needed for it."""

    def __init__(self, home: Home, runner: ProcessRunner, sandbox: Sandbox) -> None:
        self._home = home
        self._sandbox = sandbox
        self._subjects = FolderSubjects(Workbench(runner, sandbox, home.scratch))
        self._tester = tester(home, runner, sandbox)
        self._builder = UvBuilder(home, runner, sandbox)

    async def test(self, wanted: Wanted, log: LogSink) -> Tested:
        """Raises UsageError, BuildFailed, ConfigError; what stops a column is in it."""
        async with _scratch(self._home.root) as scratch:
            top = scratch / "top"
            subject = await self._subjects.describe(wanted.folder.resolve(), _APP)
            digest = await asyncio.to_thread(copied, subject.tree, subject.files, top)
            paths = await self._changed(subject) if wanted.changed else ()
            if wanted.changed and not paths:
                raise UsageError("No test can have changed", hint="Leave out --changed to run them all.")
            suite = await self._suite(replace(wanted, arguments=(*wanted.arguments, *paths)), subject, top, log)
            suite = replace(suite, digest=digest, revision=_name(subject))
            asked = [(name, suite if name == "cpython" else _for_pytest(suite, wanted)) for name in wanted.columns]
            return await run_columns(
                self._tester, asked, suite.revision, time.time(), log, only=wanted.only, fresh=wanted.fresh
            )

    async def state(self, folder: Path) -> int:
        """Another number: something has changed. Raises UsageError."""
        subject = await self._subjects.describe(folder, _APP)
        return await asyncio.to_thread(_state, subject)

    async def _suite(self, wanted: Wanted, subject: Subject, top: Path, log: LogSink) -> Suite:
        spec = await _spec(subject.tree)
        asked = spec.tests if spec is not None else await _asked(subject.tree)
        source = top / "src"
        suite = Suite(
            _APP,
            top,
            python_path=(str(source),) if source.is_dir() else (),
            variables=dict(spec.variables) if spec else {},
            spec=spec,
        )
        suite = as_asked(suite, asked, wanted.arguments)
        suite = replace(
            suite,
            limit=wanted.limit or suite.limit,
            shards=wanted.shards or suite.shards,
            network=wanted.network or suite.network,
        )
        return await self._with_environment(suite, asked, wanted, subject, log)

    async def _with_environment(
        self, suite: Suite, asked: SuiteSpec, wanted: Wanted, subject: Subject, log: LogSink
    ) -> Suite:
        python = wanted.python or await asyncio.to_thread(_own_python, subject.tree, suite.runner)
        if python is not None:
            return replace(suite, python=python, lock=await asyncio.to_thread(installed, python))
        spec = suite.spec or replace(await asyncio.to_thread(plain_spec, TreeFiles(suite.top)), tests=asked)
        made = await self._builder.for_tests(_RELEASE, spec, suite.top, None, log)
        return replace(suite, python=made.python, lock=made.lock)

    async def _changed(self, subject: Subject) -> tuple[str, ...]:
        """Files of tests."""
        paths = await self._subjects.changed(subject)
        texts = await asyncio.to_thread(_texts, subject)
        return affected(texts, paths)


async def test_folder(wanted: Wanted, root: Path, log: LogSink) -> Tested:
    """With programs of its own, in scratch folders below `root`. Raises UsageError, BuildFailed, ConfigError."""
    return await (await _tests(root)).test(wanted, log)


async def watch_folder(wanted: Wanted, root: Path, log: LogSink) -> AsyncIterator[Tested]:
    """Now, and whenever something has changed, until the caller has had enough."""
    tests = await _tests(root)
    while True:
        before = await tests.state(wanted.folder)
        yield await tests.test(wanted, log)
        while await tests.state(wanted.folder) == before:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)  # nobody tells of changes to files on every file system


async def _tests(root: Path) -> FolderTests:
    home, runner = Home(root), ProcessRunner()
    await asyncio.to_thread(root.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(root.chmod, 0o711)
    return FolderTests(home, runner, await detect_sandbox(home, runner))


def _state(subject: Subject) -> int:
    """Of names, sizes and times of files. Blocking."""
    found = []
    for path in subject.files:
        with suppress(OSError):
            status = (subject.tree / path).lstat()
            found.append((path, status.st_size, status.st_mtime_ns))
    return hash(tuple(found))


def _texts(subject: Subject) -> dict[str, str]:
    """The Python files. Blocking."""
    found = {}
    for path in subject.files:
        if path.endswith(".py"):
            with suppress(OSError), (subject.tree / path).open("rb") as file:
                found[path] = file.read(_SOURCE).decode("utf-8", "replace")
    return found


def _name(subject: Subject) -> str:
    return f"{subject.tree.name}@sha1:{subject.revision[:7]}" if subject.revision else subject.tree.name


def _for_pytest(suite: Suite, wanted: Wanted) -> Suite:
    """Elsewhere pytest runs the tests, also those of unittest."""
    if suite.runner is Runner.PYTEST:
        return suite
    return replace(suite, runner=Runner.PYTEST, program="", arguments=wanted.arguments)


def _own_python(folder: Path, runner: Runner) -> Path | None:
    """The folder's own environment, where it can run the tests."""
    needs = {Runner.PYTEST: "pytest", Runner.DJANGO: "django"}.get(runner)
    candidates = (folder / name / "bin" / "python" for name in (".venv", "venv"))
    return next((path for path in candidates if path.exists() and (needs is None or has(path, needs))), None)


async def _spec(folder: Path) -> AppSpec | None:
    """How the app would be run; a library is tested all the same."""
    with suppress(PulletError):
        return await understand_app(FolderTree(folder), folder.name, tests=True)
    return None


async def _asked(folder: Path) -> SuiteSpec:
    """Of what is no app."""
    with suppress(PulletError):
        found = await detected_tests(FolderTree(folder))
        return SuiteSpec(found.value) if found is not None else SuiteSpec()
    return SuiteSpec()


@asynccontextmanager
async def _scratch(root: Path) -> AsyncIterator[Path]:
    """Where users of the box can pass, as tests run as one of their own where Pullet is root."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="test-", dir=root))
    await asyncio.to_thread(folder.chmod, 0o711)
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
