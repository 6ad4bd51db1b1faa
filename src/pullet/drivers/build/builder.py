"""A release's build from beginning to end: interpreter, lock, environment, the app's own build commands."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pullet.domain.app import AppSpec, assets_declared
from pullet.domain.command import Command
from pullet.domain.errors import BuildFailed, CommandFailed, DiskFull
from pullet.domain.healing import ChangeKind
from pullet.domain.home import Home
from pullet.domain.identity import ReleaseId
from pullet.domain.release import Artifact
from pullet.domain.runtime import Capability
from pullet.drivers.build.assets import AssetBuilder, Site
from pullet.drivers.build.changes import values
from pullet.drivers.build.commands import build_command, surroundings
from pullet.drivers.build.environments import Environment, Environments
from pullet.drivers.build.for_tests import ForTests, distributions, same_interpreter
from pullet.drivers.build.inputs import TreeFiles, Wanted
from pullet.drivers.build.interpreters import Choice, Interpreters
from pullet.drivers.build.locks import Lock
from pullet.drivers.build.paths import python_path
from pullet.drivers.build.picking import Pick, remembered, with_best
from pullet.drivers.build.resolve import Question, Resolver, ask, read_lock
from pullet.drivers.build.settings import BuildSettings, Deadline
from pullet.drivers.build.workshop import Job, Workshop, too_long, write_file
from pullet.drivers.confinement import Sandbox
from pullet.drivers.process import ProcessRunner, last_lines
from pullet.drivers.services import trees
from pullet.ports import Asked, LogSink, PythonEnvironment

_LOCK_NAME = "requirements.lock"


class UvBuilder:
    """The `Builder` that installs with uv."""

    def __init__(
        self, home: Home, runner: ProcessRunner, sandbox: Sandbox, settings: BuildSettings | None = None
    ) -> None:
        self._home = home
        self._settings = settings or BuildSettings()
        self._workshop = Workshop(home, runner, sandbox, self._settings)
        self._interpreters = Interpreters(runner, self._settings.environ, sandbox.can_show)
        self._resolver = Resolver(self._workshop)
        self._environments = Environments(self._workshop)
        self._of_tests = ForTests(self._workshop, self._environments)
        self._assets = AssetBuilder(self._workshop)

    async def build(
        self, release: ReleaseId, spec: AppSpec, tree: Path, previous: Artifact | None, log: LogSink
    ) -> Artifact:
        deadline = Deadline(self._settings.time_limit)
        with _disk_full_told():
            try:
                async with asyncio.timeout(deadline.limit + 5):  # its commands end themselves; this bounds the rest
                    return await self._build(release, spec, tree, previous, (log, deadline))
            except TimeoutError as err:
                raise too_long(deadline, "") from err

    async def for_tests(
        self, release: ReleaseId, spec: AppSpec, tree: Path, artifact: Artifact | None, log: LogSink
    ) -> PythonEnvironment:
        deadline = Deadline(self._settings.time_limit)
        with _disk_full_told():
            try:
                async with asyncio.timeout(deadline.limit + 5):
                    environment = await self._for_tests(release, spec, tree, artifact, (log, deadline))
            except TimeoutError as err:
                raise too_long(deadline, "") from err
            lock = await asyncio.to_thread(distributions, environment)
            return PythonEnvironment(environment.python, lock, environment.digest)

    async def _for_tests(
        self,
        release: ReleaseId,
        spec: AppSpec,
        tree: Path,
        artifact: Artifact | None,
        run: tuple[LogSink, Deadline],
    ) -> Environment:
        log, deadline = run
        question = ask(spec, TreeFiles(tree))
        choice = await self._choose(question)
        bounds = values(spec, ChangeKind.BUILD_CONSTRAINT)
        job = Job(release.environment.app, choice.interpreter, log, deadline, build_constraints=bounds)
        await self._workshop.sweep(self._home.cache / "scratch")
        if artifact is not None and (base := read_lock(Path(artifact.lock))) is not None:
            interpreter = same_interpreter(await self._interpreters.all(), artifact, base, job.app)
            return await self._of_tests.make(replace(job, interpreter=interpreter), question, base)

        async def make(job: Job) -> Environment:
            lock = self._resolver.recall(job, question, ()) or await self._resolver.resolve(job, question, None)
            return await self._of_tests.make(job, question, lock)

        note = self._note(release.environment.app, question, choice).with_suffix(".for-tests")
        _, environment = await with_best(job, choice, note, spec.committed, make)
        return environment

    async def capabilities(self) -> Sequence[Capability]:
        found = ", ".join(interpreter.version_text for interpreter in await self._interpreters.all())
        hint = "Install one, e.g. Debian's python3; without bubblewrap, one that every user can run."
        return (Capability("interpreters", bool(found), found or "none that apps could use", hint),)

    async def copy(self, tree: Path, to: Path) -> None:
        thread = asyncio.create_task(asyncio.to_thread(_copy, tree, to), name=f"copy:{tree}")
        with _disk_full_told():
            try:
                await asyncio.shield(thread)
            except asyncio.CancelledError:
                while not thread.done():  # else it would go on writing where somebody clears away
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait({thread})
                raise

    async def discard(self, environment_digests_in_use: frozenset[str]) -> int:
        with _disk_full_told():
            await self._workshop.sweep(self._home.cache / "scratch")
            return await self._environments.discard(environment_digests_in_use)

    async def _build(
        self,
        release: ReleaseId,
        spec: AppSpec,
        tree: Path,
        previous: Artifact | None,
        run: tuple[LogSink, Deadline],
    ) -> Artifact:
        log, deadline = run
        question = ask(spec, TreeFiles(tree))
        choice = await self._choose(question)
        for notice in (choice.notice, *(question.wanted.notices if question.wanted else ()), *_said(spec)):
            if notice:
                log(notice)
        bounds = values(spec, ChangeKind.BUILD_CONSTRAINT)
        job = Job(release.environment.app, choice.interpreter, log, deadline, build_constraints=bounds)
        kept = self._home.release(release) / _LOCK_NAME

        async def make(job: Job) -> Environment:
            lock = await self._lock(job, question, kept, previous)
            return self._environments.find(job, lock) or await self._environments.ensure(job, lock)

        note = self._note(release.environment.app, question, choice)
        pick, environment = await with_best(job, choice, note, spec.committed, make)
        job = replace(job, interpreter=pick.interpreter)
        if values(spec, ChangeKind.ASSETS) and not assets_declared(spec):
            spec = replace(spec, assets=())
        await self._run_commands(job, spec, tree, environment, surroundings(release, spec, tree))
        return Artifact(
            tree=str(tree),
            python=str(environment.python),
            environment_digest=environment.digest,
            python_version=pick.interpreter.version_text,
            lock=str(kept),
            python_path=python_path(spec, tree),
            python_reason=pick.reason or choice.notice,
        )

    async def asked(self, release: ReleaseId, spec: AppSpec, tree: Path) -> Asked:
        pythons = tuple(dict.fromkeys(one.version_text for one in await self._interpreters.all()))
        try:
            question = ask(spec, TreeFiles(tree))
            choice = await self._choose(question)
        except BuildFailed:
            return Asked(pythons=pythons)
        pick = remembered(choice, self._note(release.environment.app, question, choice)) or Pick(choice.interpreter)
        written = ask(replace(spec, changes=()), TreeFiles(tree))
        wanted, kept = written.wanted or Wanted(), read_lock(self._home.release(release) / _LOCK_NAME)
        indexes = wanted.indexes
        return Asked(
            digest=written.key("", spec.python or "", {}),
            requirements=wanted.requirements,
            locked=written.wanted is None,
            indexes=(*((indexes.default,) if indexes.default else ()), *indexes.extra, *indexes.find_links),
            installed=kept.names if kept else frozenset(),
            python=pick.interpreter.version_text,
            pythons=pythons,
        )

    async def _choose(self, question: Question) -> Choice:
        """The version that is asked for, near the ranges that other files ask for."""
        spec = question.spec
        said = next((decision for decision in spec.decisions if decision.subject == "app.python"), None)
        return await self._interpreters.choose(spec.python, [found.value for found in said.runners_up] if said else [])

    def _note(self, app: str, question: Question, choice: Choice) -> Path:
        """Where the interpreter that was found for these dependencies is remembered."""
        every = "\0".join(one.identity for one in choice.all)
        key = question.key(app, every, self._settings.index)
        return self._home.cache / "resolutions" / app / f"{key}.python"

    async def _lock(self, job: Job, question: Question, kept: Path, previous: Artifact | None) -> Lock:
        """The lock, from memory where it can be; kept beside the release before anything is installed from it."""
        earlier = Path(previous.lock) if previous is not None else None
        lock = self._resolver.recall(job, question, (kept, *((earlier,) if earlier else ())))
        if lock is None:
            await self._workshop.sweep(self._home.cache / "scratch")
            lock = await self._resolver.resolve(job, question, read_lock(earlier) if earlier else None)
        if read_lock(kept) != lock:
            write_file(kept, lock.text)
        return lock

    async def _run_commands(
        self, job: Job, spec: AppSpec, tree: Path, environment: Environment, around: Mapping[str, str]
    ) -> None:
        """Those that build assets, then the app's own, which may use Node too."""
        if not spec.build_commands and not spec.assets:
            return
        self._workshop.sandbox.hand_over(tree, job.app)
        async with self._workshop.scratch() as scratch, self._assets.prepared(job, spec, tree) as sites:
            self._workshop.sandbox.hand_over(scratch, job.app)
            given = {**self._settings.network, **around}
            for site in sites:
                plain = build_command("", spec, tree, environment, scratch, given)
                await self._assets.build(job, site, plain, (tree, scratch))
            for line in spec.build_commands:
                job.log(f"$ {line}")
                command = build_command(line, spec, tree, environment, scratch, given)
                await self._run_command(job, line, command, (tree, scratch), sites[:1])

    async def _run_command(
        self, job: Job, line: str, command: Command, writable: tuple[Path, ...], sites: list[Site]
    ) -> None:
        own = self._settings.network
        readable: tuple[Path, ...] = ()
        for site in sites:
            command, own, readable = site.at_hand(command), self._assets.own, site.readable
            writable = (*writable, site.cache)
        try:
            await self._workshop.confined(job, command, writable, own, readable)
        except CommandFailed as err:
            raise BuildFailed(
                f"The build command `{line}` exited with {err.exit_code}",
                context=last_lines(err.output),
                hint="It runs in the app's root with the app's Python first on PATH; try it there by hand.",
            ) from err


def _copy(tree: Path, to: Path) -> None:
    to.mkdir(parents=True)
    trees.refuse_where_it_cannot_fit(trees.size(tree), to)
    trees.copy(tree, to)


def _said(spec: AppSpec) -> Iterator[str]:
    return (f"Changed for this build: {change}" for change in spec.changes)


@contextmanager
def _disk_full_told() -> Iterator[None]:
    """A full disk met by Pullet's own file work is told as one met by a program is."""
    try:
        yield
    except OSError as err:
        if err.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise BuildFailed(
                "The build could not use its files", context=str(err), hint="Run `pullet doctor`."
            ) from err
        raise DiskFull(
            "The disk is full: the build could not write",
            context=str(err),
            hint="Free some space; `pullet doctor` shows what Pullet itself uses. Nothing that was live has changed.",
        ) from err
