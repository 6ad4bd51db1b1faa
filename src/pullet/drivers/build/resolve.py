"""From what a repository asks for to a lock, with the answer kept: the same question gets the same answer.

Lock files are followed exactly and only translated. Everything else is resolved once; the resolution is kept with the
release and by a digest of all that it was made from, and an earlier release's versions are preferred, so that a commit
which adds one package moves no other.
"""

from __future__ import annotations

import asyncio
import json
import posixpath
import shutil
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pullet.domain.app import AppSpec, DependencyKind, Server
from pullet.domain.command import Command
from pullet.domain.errors import BuildFailed, CommandFailed
from pullet.drivers.build.changes import asked, changed_spec, changed_wanted, is_replaced, replaced
from pullet.drivers.build.development import extras_of, groups_of, poetry_groups
from pullet.drivers.build.explain import failure, needs_build, needs_other_python
from pullet.drivers.build.inputs import Indexes, TreeFiles, Wanted, inside
from pullet.drivers.build.locks import Lock, digest, entry_name, from_pipfile_lock, from_uv, out_of_date, parse_lock
from pullet.drivers.build.poetry import from_poetry_lock
from pullet.drivers.build.projects import pipfile, project
from pullet.drivers.build.requirements import read_requirements
from pullet.drivers.build.uv import BUILD_CONSTRAINTS, CONSTRAINTS, OVERRIDES
from pullet.drivers.build.workshop import Job, NeedsBuild, Workshop, until_error, write_file, write_lines

_FORMAT = "1"  # part of every key: raise it when the same inputs shall be resolved anew
ALWAYS = (str(Server.GRANIAN),)
"""Of today in any case: its former versions cannot be told all that they have to, and it needs next to nothing."""


@dataclass(frozen=True)
class Question:
    """What is to be resolved: the files as they are, read once."""

    spec: AppSpec
    files: TreeFiles
    path: str
    """The dependency file, from the top of the tree."""
    wanted: Wanted | None
    """None for a lock file, which is only translated."""

    @property
    def kind(self) -> DependencyKind:
        return self.spec.dependencies.kind

    @property
    def project_file(self) -> str:
        return posixpath.normpath(posixpath.join(self.spec.root, "pyproject.toml"))

    @property
    def lock_project_file(self) -> str:
        """Of the folder that the lock is in: the workspace's own."""
        return posixpath.join(posixpath.dirname(self.path), "pyproject.toml")

    def key(self, app: str, interpreter: str, sources: Mapping[str, str]) -> str:
        """Equal keys, equal answers. The app is a part: a resolution may run its code, which might lie."""
        content = json.dumps(asdict(self.wanted)) if self.wanted else self._locked()
        settings = json.dumps(dict(sources), sort_keys=True)
        return digest(_FORMAT, app, interpreter, self.kind, *self.spec.dependencies.extra, "", content, settings)

    def _locked(self) -> str:
        beside = self.files.read(self.project_file) if self.files.exists(self.project_file) else ""
        return self.files.read(self.path) + beside + "".join(map(str, self.spec.changes))


def ask(spec: AppSpec, files: TreeFiles) -> Question:
    """Read the question from the tree, judging every line. `spec.changes` are followed. Raises BuildFailed."""
    spec = changed_spec(spec)
    dependencies = spec.dependencies
    path = inside(spec.root, dependencies.path or ".", "app.root")
    wanted: Wanted | None = Wanted()
    match dependencies.kind:
        case DependencyKind.REQUIREMENTS:
            wanted = read_requirements(files, path)
        case DependencyKind.PYPROJECT | DependencyKind.SETUP:
            wanted = project(files, posixpath.dirname(path) or ".")
        case DependencyKind.PIPFILE:
            wanted = pipfile(files.read_toml(path), path)
        case DependencyKind.UV_LOCK | DependencyKind.POETRY_LOCK | DependencyKind.PIPFILE_LOCK:
            wanted = None
    if wanted is not None:
        wanted = changed_wanted(spec, wanted).with_extra(dependencies.extra).checked()
    return Question(spec, files, path, wanted)


@dataclass
class Resolver:
    workshop: Workshop
    what: str = "Could not resolve the dependencies"
    """What its failures begin with."""
    always: tuple[str, ...] = ALWAYS
    """Packages that are of today whatever date is asked for."""

    def recall(self, job: Job, question: Question, kept: tuple[Path, ...]) -> Lock | None:
        """The answer that was given before, from the release's own folder or the store of answers; starts nothing."""
        key = self._key(job, question)
        for path in (*kept, self._path(job, key)):
            lock = read_lock(path)
            if lock is not None and lock.key == key:
                return lock
        return None

    async def resolve(self, job: Job, question: Question, previous: Lock | None) -> Lock:
        """A new answer, kept. Raises BuildFailed, DiskFull."""
        if question.wanted is not None:
            lock = await self.compile(job, question, question.wanted, previous)
        else:
            exact = await self._translate(job, question)
            lock = await self._with_extra(job, question, exact, previous)
        lock = replace(lock, key=self._key(job, question))
        write_file(self._path(job, lock.key), lock.text)
        return lock

    def _key(self, job: Job, question: Question) -> str:
        return question.key(job.app, job.interpreter.identity, self.workshop.settings.index)

    def _path(self, job: Job, key: str) -> Path:
        return self.workshop.home.cache / "resolutions" / job.app / f"{key}.txt"

    async def _translate(self, job: Job, question: Question) -> Lock:
        files, path = question.files, question.path
        if question.kind is DependencyKind.UV_LOCK:
            return await self._export(job, question, question.project_file)
        if question.kind is DependencyKind.POETRY_LOCK:
            pyproject = files.read_toml(question.project_file)
            return from_poetry_lock(files.read_toml(path), pyproject, job.interpreter.version, path)
        return self._pipfile(question, "default")

    def _pipfile(self, question: Question, section: str) -> Lock:
        path = question.path
        try:
            document = json.loads(question.files.read(path))
        except ValueError as err:
            raise BuildFailed(f"{path} is not valid JSON", context=str(err), hint="Run `pipenv lock`.") from err
        return from_pipfile_lock(document if isinstance(document, dict) else {}, path, section)

    async def pinned(self, job: Job, question: Question) -> Lock | None:
        """What the lock file has for tests, with what the app itself needs; None where it has nothing of the kind."""
        if question.kind is DependencyKind.UV_LOCK:
            for path in dict.fromkeys((question.project_file, question.lock_project_file)):
                pyproject = question.files.read_toml(path)
                groups, extras = groups_of(pyproject), extras_of(pyproject)
                if groups or extras:
                    return await self._export(job, question, path, groups, extras)
        if question.kind is DependencyKind.POETRY_LOCK:
            files, pyproject = question.files, question.files.read_toml(question.project_file)
            groups = poetry_groups(pyproject)
            lock = files.read_toml(question.path)
            return from_poetry_lock(lock, pyproject, job.interpreter.version, question.path, groups) if groups else None
        if question.kind is DependencyKind.PIPFILE_LOCK:
            return self._pipfile(question, "develop")
        return None

    async def _export(
        self,
        job: Job,
        question: Question,
        project: str,
        groups: Sequence[str] = (),
        extras: Sequence[str] = (),
    ) -> Lock:
        """Of the repository uv sees copies of two files, nothing else: no configuration, no link, no code."""
        files = question.files
        pyproject = files.read_toml(project)
        check_fresh(files.read_toml(question.path), pyproject, question.path)
        async with self.workshop.scratch() as scratch:
            for path in {question.path, question.lock_project_file, project}:
                write_file(scratch / path, files.read(path))
            place = scratch / posixpath.dirname(project)
            command = self.workshop.uv.export(job.interpreter.path, place, groups, extras)
            done = await self.workshop.judged(quiet(job), command, what=f"Could not read {question.path}")
        return Lock(from_uv(done.text, question.path), declared_indexes(pyproject))

    async def _with_extra(self, job: Job, question: Question, exact: Lock, previous: Lock | None) -> Lock:
        """Packages that Pullet adds, within the pins of the app, which stay but for what a change replaces."""
        spec = question.spec
        gone = {entry for entry in exact.entries if is_replaced(spec, entry) or entry_name(entry) in asked(spec)}
        names = {entry_name(entry) for entry in exact.entries if entry not in gone}
        own = spec.dependencies.extra
        extra = tuple(_within(one, names) for one in own if "[" in one or requirement_name(one) not in names)
        extra += tuple(replaced(spec, entry) for entry in exact.entries if is_replaced(spec, entry))
        if not extra:
            return exact
        kept = replace(exact, entries=tuple(entry for entry in exact.entries if entry not in gone))
        pins = tuple(entry.partition(" --hash")[0] for entry in kept.entries)
        wanted = Wanted(requirements=extra, constraints=pins, indexes=exact.indexes)
        return kept.with_more(await self.compile(job, question, wanted, previous))

    async def compile(self, job: Job, question: Question, wanted: Wanted, previous: Lock | None) -> Lock:
        """What uv finds for `wanted`; of `question` only the tree and the spec count. Raises BuildFailed, DiskFull."""
        if not wanted.requirements and not wanted.projects:
            return Lock((), wanted.indexes)
        wanted = _of_its_time(question.spec, wanted)
        async with self.workshop.scratch() as scratch:
            preferred = None if wanted.exclude_newer else previous
            await asyncio.to_thread(_lay_out, scratch, question.files.top, wanted, preferred)
            write_lines(scratch / BUILD_CONSTRAINTS, job.build_constraints)
            text = await self._compiled(job, scratch, wanted)
            return Lock(from_uv(text, self.what, local_prefix=f"{scratch}/tree"), wanted.indexes)

    async def _compiled(self, job: Job, scratch: Path, wanted: Wanted) -> str:
        """Wheels only, as Pullet itself; where that cannot be, again with builds allowed, confined."""
        if not wanted.projects:
            try:
                command = self._command(job, scratch, wanted, foreign=False)
                return (await self.workshop.own(until_error(quiet(job)), command)).text
            except CommandFailed as err:
                if job.wheels_only and (needs_build(err.output) or needs_other_python(err.output)):
                    raise NeedsBuild from err
                if not needs_build(err.output) and not _from_git(wanted):
                    raise failure(err.output, self.what) from err
                job.log("A dependency has no wheel for this Python: its metadata is built, confined.")
        command = self._command(job, scratch, wanted, foreign=True)
        self.workshop.sandbox.hand_over(scratch, job.app)
        done = await self.workshop.judged(quiet(job), command, (scratch, _cache_of(command)), what=self.what)
        return done.text

    def _command(self, job: Job, scratch: Path, wanted: Wanted, *, foreign: bool) -> Command:
        uv = self.workshop.foreign_uv(job.app, scratch) if foreign else self.workshop.uv
        given = {CONSTRAINTS: wanted.constraints, OVERRIDES: wanted.overrides, BUILD_CONSTRAINTS: job.build_constraints}
        files = [name for name, lines in given.items() if lines]
        newest = wanted.exclude_newer
        python = job.interpreter.path
        return uv.compile(
            python, scratch, wanted.indexes, files=files, build=foreign, exclude_newer=newest, always=self.always
        )


def _within(requirement: str, locked: Container[str]) -> str:
    """What Pullet adds, in the version that the lock has it in: `uvicorn[standard]` of `uvicorn[standard]>=0.34`."""
    parsed = Requirement(requirement)
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extras}" if canonicalize_name(parsed.name) in locked else requirement


def _of_its_time(spec: AppSpec, wanted: Wanted) -> Wanted:
    """Servers that Pullet adds to what is resolved as of a date: of then too, with what they need."""
    added = [line for line in spec.dependencies.extra if requirement_name(line) in set(Server) - set(ALWAYS)]
    if not wanted.exclude_newer:
        return wanted
    lines = (_within(line, [requirement_name(line)]) if line in added else line for line in wanted.requirements)
    return replace(wanted, requirements=tuple(lines))


def _cache_of(command: Command) -> Path:
    return Path(command.environment["UV_CACHE_DIR"])


def _from_git(wanted: Wanted) -> bool:
    return any("git+" in line for line in wanted.requirements)


def _lay_out(scratch: Path, top: Path, wanted: Wanted, previous: Lock | None) -> None:
    lines = [*wanted.options, *wanted.requirements]
    if wanted.projects:
        shutil.copytree(top, scratch / "tree", symlinks=True, ignore=shutil.ignore_patterns(".git"))
        lines += [f"{scratch / 'tree' / folder}{extras}" for folder, extras in wanted.projects]
    (scratch / "requirements.in").write_text("".join(f"{line}\n" for line in lines))
    write_lines(scratch / CONSTRAINTS, wanted.constraints)
    write_lines(scratch / OVERRIDES, wanted.overrides)
    if previous is not None:
        (scratch / "lock.txt").write_text(previous.body)


def quiet(job: Job) -> Job:
    """The same job without the lock itself in the log: thousands of hashes that nobody reads."""

    def log(line: str) -> None:
        if (
            not line.startswith("    --hash=")
            and not line.endswith("\\")
            and "==" not in line.split(" ", maxsplit=1)[0]
        ):
            job.log(line)

    return replace(job, log=log)


def read_lock(path: Path) -> Lock | None:
    """A lock that was kept; None where there is none."""
    try:
        return parse_lock(path.read_text())
    except (OSError, UnicodeDecodeError):
        return None


def requirement_name(text: str) -> str:
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return ""


def check_fresh(lock: Mapping[str, Any], pyproject: Mapping[str, Any], place: str) -> None:
    """uv takes a frozen lock without a look at pyproject.toml; a package asked for since must not go missing unsaid."""
    project_table = dict(pyproject.get("project", {}))
    name = canonicalize_name(str(project_table.get("name", "")))
    own = next((p for p in lock.get("package", ()) if canonicalize_name(str(p.get("name", ""))) == name), None)
    if own is None:
        return
    locked = {canonicalize_name(str(one["name"])) for one in dict(own.get("metadata", {})).get("requires-dist", ())}
    asked = {requirement_name(str(text)) for text in project_table.get("dependencies", ())}
    if missing := asked - locked - {""}:
        raise out_of_date(place, "pyproject.toml", missing, "uv lock")


def declared_indexes(pyproject: Mapping[str, Any]) -> Indexes:
    """The indexes of `[[tool.uv.index]]`; safe to mix, as every file is named by its hash."""
    entries = dict(dict(pyproject.get("tool", {})).get("uv", {})).get("index", ())
    urls = [str(entry.get("url", "")) for entry in entries if isinstance(entry, Mapping)]
    return Indexes(extra=tuple(url for url in urls if url.startswith(("http://", "https://"))))
