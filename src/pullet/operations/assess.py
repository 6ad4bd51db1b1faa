"""Assess a folder without a daemon, or tell what was found of a release."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pullet.analysis.security.declarations import DECLARATION_FILES, Declarations, declarations, unreadable
from pullet.analysis.security.judging import Yardstick, counted, judge
from pullet.config.settings_file import read_settings
from pullet.domain.app import AppSpec
from pullet.domain.errors import NotFound, PulletError, UsageError
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.security import Assessed, Assessment, Earlier, Severity
from pullet.drivers.folder import FolderTree
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.engines import assessor
from pullet.drivers.security.folder import FolderSubjects
from pullet.drivers.security.workbench import Workbench
from pullet.ports import Assessor, LogSink, Source, Subject
from pullet.reconcile.tasks import both
from pullet.reconcile.understanding import understand_app

if TYPE_CHECKING:  # an assessment of a folder needs no daemon, and a tenth of its time would be to load one
    from pullet.operations.control import Control

_APP = "assessed"
"""Whose user the engines run as where there is no app yet."""


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for on a machine of their own."""

    folder: Path
    base: str = ""
    """A revision to compare with; empty: everything counts as new."""
    fail_on: Severity | None = None
    """None: what pullet.toml says, else high."""
    url: str = ""
    advisories: str = ""
    """URL or path of another advisory database; empty: the box's."""
    python: Path | None = None
    """Interpreter that has the app's dependencies, absolute; None: the folder's own, where there is one."""
    active: str = ""
    """The folder of the environment that is active, which counts where it lies in the folder; empty: none is."""


class FolderAssessment:
    """One folder, with everything that is needed for it."""

    def __init__(self, assessor: Assessor, subjects: FolderSubjects, source: Source, scratch: Path) -> None:
        """`scratch`: a folder for the base's files, whoever made it removes it."""
        self._assessor = assessor
        self._subjects = subjects
        self._source = source
        self._scratch = scratch

    async def assess(self, wanted: Wanted, log: LogSink) -> Assessment:
        """Raises UsageError, AssessmentFailed, SourceError."""
        folder = wanted.folder.resolve()
        subject, spec = await both(self._subjects.describe(folder, _APP), _spec(folder), name=f"assess:{folder.name}")
        subject = replace(subject, spec=spec, url=wanted.url)
        subject = replace(subject, python=wanted.python or await self._subjects.python(subject, wanted.active))
        base = await self._base(subject, wanted.base)
        yardstick = await self._yardstick(subject, base, wanted, log)
        examined = await self._assessor.examine(replace(subject, base=base or ""), log)
        name = f"{wanted.folder.resolve().name}@sha1:{subject.revision[:7]}" if subject.revision else str(wanted.folder)
        return judge(name, examined.reports, examined.left_out, yardstick, time.time(), examined.frameworks)

    async def _base(self, subject: Subject, name: str) -> str | None:
        if not name:
            return None
        if not subject.repository or (found := await self._subjects.commit(subject, name)) is None:
            raise UsageError(f"There is no revision {name!r} in {subject.tree}", hint="`git branch -a` lists branches.")
        return found

    async def _yardstick(self, subject: Subject, base: str | None, wanted: Wanted, log: LogSink) -> Yardstick:
        fail_on = wanted.fail_on or (subject.spec.fail_on if subject.spec else Severity.HIGH)
        protected = base or (await self._subjects.trunk(subject) if subject.repository else None)
        said = await self._declarations(subject, protected)
        if base is None:
            return Yardstick(fail_on, "", {}, said)
        log(f"looking at the base, {base[:7]}")
        source, tree = SourceSpec(str(subject.tree)), self._scratch / "base"
        await self._source.fetch(source, base)
        await self._source.check_out(source, base, tree)
        before = await self._assessor.examine(replace(subject, tree=tree, files=(), missed=(), revision=base), log)
        known = counted(judge("", before.reports, (), Yardstick(fail_on, known={}), time.time()))
        named = "" if base.startswith(wanted.base) else f"{wanted.base}@"
        return Yardstick(fail_on, f"{named}sha1:{base[:7]}", known, said)

    async def _declarations(self, subject: Subject, sha: str | None) -> Declarations:
        """From the protected branch only; what cannot be read waives nothing, and is told."""
        if sha is None:
            return Declarations()
        try:
            return declarations(await self._subjects.read(subject, sha, DECLARATION_FILES))
        except PulletError as err:
            return unreadable(str(err))


async def assess_folder(wanted: Wanted, root: Path, log: LogSink) -> Assessed:
    """With engines of its own, in scratch folders below `root`. Raises UsageError, AssessmentFailed, SourceError."""
    scratch = await asyncio.to_thread(_scratch, root)
    try:
        home, runner = Home(scratch), ProcessRunner()
        bench = Workbench(runner, await detect_sandbox(home, runner), home.scratch)
        advisories = await _advisories(Home(root), wanted, runner, log)
        source = GitSource(home, runner)
        memory = Home(root).cache / "assessments" / hashlib.sha256(str(wanted.folder).encode()).hexdigest()[:16]
        work = FolderAssessment(assessor(bench, advisories, memory), FolderSubjects(bench), source, scratch)
        assessment = await work.assess(wanted, log)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True))
    return Assessed(wanted.folder.resolve().name, 0, assessment)


def assessed(control: Control, app: str, environment: str, release: int | None) -> Assessed:
    """Of a release (default: the newest that was assessed) and those before it."""
    key = EnvironmentKey(app, environment)
    control.loop(app, environment)
    found = control.neighbours.store.assessments.of(key, limit=50)
    entries = [Earlier(*entry) for entry in found if release is None or entry[0] <= release]
    if not entries or (release is not None and entries[0].release != release):
        hint = "A release is assessed when it is live, or before where it declares the gate."
        raise NotFound(f"Nothing was assessed of {key}" + (f"/{release}" if release else ""), hint=hint)
    return Assessed(app, entries[0].release, entries[0].assessment, tuple(entries[1:]))


async def _advisories(home: Home, wanted: Wanted, runner: ProcessRunner, log: LogSink) -> Advisories:
    """Those of the box, polled where that was long ago: without a daemon nobody else does. A repository that is named
    for once has an index of its own."""
    settings = read_settings(home.settings.read_text() if home.settings.exists() else "", str(home.settings)).assess
    url = wanted.advisories or settings.advisories
    folder = home.advisories / hashlib.sha256(url.encode()).hexdigest()[:16] if wanted.advisories else home.advisories
    advisories = Advisories(folder, GitSource(home, runner), url, time.time, settings.advisories_max_age)
    if url and not advisories.polled_within(settings.advisories_interval):
        try:
            await advisories.refresh()
        except PulletError as err:
            log(f"The advisories could not be polled: {err.message}")
    return advisories


def _scratch(root: Path) -> Path:
    """Where users of the box can pass, as engines run as one of their own where Pullet is root."""
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="assess-", dir=root))
    folder.chmod(0o711)
    return folder


async def _spec(folder: Path) -> AppSpec | None:
    """How the app would be run; a folder in which no app is found is assessed all the same."""
    with suppress(PulletError):
        return await understand_app(FolderTree(folder), folder.name)
    return None
