"""A release is assessed: compared with what is live, kept for the next, and held back where its app asks for that."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.analysis.security.declarations import DECLARATION_FILES, Declarations, declarations, unreadable
from pullet.analysis.security.judging import Yardstick, counted, holds_back, judge
from pullet.domain.errors import GateFailed, PulletError
from pullet.domain.fleet import SourceSpec
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.release import Release
from pullet.domain.security import Assessment, EngineReport, PartState, Severity
from pullet.ports import Assessor, LogSink, Subject
from pullet.reconcile.bases import base_of
from pullet.reconcile.disk import note_if_possible
from pullet.reconcile.neighbours import Neighbours
from pullet.reconcile.trial import Running, Trials
from pullet.telemetry.logs import StepLog

GATE = "security"
LIVE = "live"
"""The part that looks at a running copy."""
_NAMED = 3  # findings in the sentence that holds a release back


@dataclass(frozen=True)
class _Tried:
    """What became of a throw-away copy: it runs, or why it does not."""

    running: Running | None = None
    gaps: tuple[EngineReport, ...] = ()
    left_out: str = ""


class Assessing:
    """Of one environment's releases."""

    def __init__(self, neighbours: Neighbours, assessor: Assessor, source: SourceSpec) -> None:
        self._world = neighbours
        self._assessor = assessor
        self._source = source

    async def assess(self, release: Release, log: LogSink) -> Assessment:
        """Look at the release's files and keep what was found. Raises SourceError and the like where its files or its
        base cannot be had at all; what an engine meets is in the assessment."""
        base = base_of(self._world, release)
        yardstick = await self._yardstick(release, base)
        async with self._subject(release, base, log) as (subject, troubles), self._tried(release, base, log) as tried:
            examined = await self._assessor.examine(_attackable(subject, tried.running), log)
        troubles = (*troubles, *tried.gaps)
        left_out = dict(examined.left_out) | ({LIVE: tried.left_out} if tried.left_out else {})
        gaps = {report.part for report in troubles}
        assessment = judge(
            release.candidate.revision.short,
            (*troubles, *examined.reports),
            tuple((part, why) for part, why in left_out.items() if part not in gaps),
            yardstick,
            self._world.clock.now(),
            examined.frameworks,
        )
        self._world.store.assessments.save(release.id, assessment)
        return assessment

    def is_gate(self, release: Release) -> bool:
        """Whether the release must pass: it says so, or the base does. So no commit takes the gate away for itself."""
        base = base_of(self._world, release)
        return any(each is not None and each.spec is not None and GATE in each.spec.gates for each in (release, base))

    async def _yardstick(self, release: Release, base: Release | None) -> Yardstick:
        """Where the base was never assessed nothing is known, and everything counts as new: not checked is no pass."""
        specs = [each.spec for each in (release, base) if each is not None and each.spec is not None]
        fail_on = _strictest(spec.fail_on for spec in specs)
        if base is None:
            return Yardstick(fail_on)
        before = self._world.store.assessments.get(base.id)
        said = await self._declarations(base)
        known = counted(before) if before is not None else {}
        return Yardstick(fail_on, base.candidate.revision.short, known, said)

    async def _declarations(self, base: Release) -> Declarations:
        """As they were in the base: what a commit says of itself counts for the next one."""
        sha = base.candidate.revision.sha
        try:
            await self._world.source.fetch(self._source, sha)
            return declarations(await self._world.source.tree(self._source, sha).read(DECLARATION_FILES))
        except PulletError as err:
            return unreadable(str(err))

    @asynccontextmanager
    async def _tried(self, release: Release, base: Release | None, log: LogSink) -> AsyncIterator[_Tried]:
        if why := _why_not_tried(release, base):
            yield _Tried(left_out=why)
            return
        async with AsyncExitStack() as stack:
            try:
                tried = _Tried(await stack.enter_async_context(Trials(self._world).of(release, log)))
            except (PulletError, OSError) as err:
                why = f"The release could not be tried out: {err}"
                log(why)
                tried = _Tried(gaps=(EngineReport(LIVE, gap=why),))
            yield tried

    @asynccontextmanager
    async def _subject(
        self, release: Release, base: Release | None, log: LogSink
    ) -> AsyncIterator[tuple[Subject, tuple[EngineReport, ...]]]:
        """With the history lent for as long as it is looked at."""
        folder = await asyncio.to_thread(_new_folder, self._world.home.scratch)
        lent: Path | None = folder / "repository.git"
        troubles: tuple[EngineReport, ...] = ()
        sha = release.candidate.revision.sha
        try:
            try:
                await self._world.source.history(self._source, sha, folder / "repository.git")
            except PulletError as err:
                lent, troubles = None, (EngineReport("history", gap=str(err)),)
                log(f"The history cannot be looked at: {err.message}")
            before = base.candidate.revision.sha if base is not None else ""
            yield self._describe(release, before, lent), troubles
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    def _describe(self, release: Release, base: str, repository: Path | None) -> Subject:
        return Subject(
            app=release.id.environment.app,
            tree=self._world.home.tree(release.id),
            repository=repository,
            revision=release.candidate.revision.sha,
            base=base,
            spec=release.spec,
            python=Path(release.artifact.python) if release.artifact is not None else None,
            python_path=release.artifact.python_path if release.artifact is not None else (),
            variables={**dict(release.variables), **dict(release.spec.variables if release.spec else ())},
        )


def _attackable(subject: Subject, running: Running | None) -> Subject:
    if running is None:
        return subject
    variables = {**subject.variables, **running.variables}
    return replace(subject, url=running.url, throw_away=True, variables=variables)


def _why_not_tried(release: Release, base: Release | None) -> str:
    """Only where the gate asks for it: a second start of an app, such as one that sends mail as it begins, is for its
    owner to want. Of a release and its base the one that asks for more counts."""
    specs = [each.spec for each in (release, base) if each is not None and each.spec is not None]
    asking = [spec for spec in specs if GATE in spec.gates]
    if not asking:
        return "a copy of a release is only started where [gates.security] is declared"
    if not any(spec.tried_out for spec in asking):
        return "left out by configuration: [gates.security] has `live = false`"
    return ""


def _new_folder(parent: Path) -> Path:
    """Where users of the box can pass."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    folder = Path(tempfile.mkdtemp(prefix="history-", dir=parent))
    folder.chmod(0o755)
    return folder


def refuse(assessment: Assessment, release: ReleaseId) -> None:
    """Raises GateFailed where the gate holds the release back: something new was found, or not all was looked at."""
    if assessment.state is PartState.PASSED:
        return
    blocking = [finding for finding in assessment.new if holds_back(finding, assessment.fail_on)]
    if blocking:
        named = "; ".join(f"{each.title} ({each.spot})" for each in blocking[:_NAMED])
        more = f" and {len(blocking) - _NAMED} more" if len(blocking) > _NAMED else ""
        raise GateFailed(
            f"Gate {GATE} holds {release} back: {named}{more}",
            context="\n".join(f"{each.severity}: CWE-{each.cwe} {each.title} at {each.spot}" for each in blocking[:20]),
            hint=f"`pullet assess {release.environment.app} --release {release.number}` tells how to mend each.",
        )
    gaps = [part for part in assessment.parts if part.state is PartState.NOT_ASSESSED]
    raise GateFailed(
        f"Gate {GATE} holds {release} back: not everything was assessed, and not checked is not passed",
        context="\n".join(f"{part.report.part}: {part.why}" for part in gaps),
        hint="Mend what stops the assessment, or remove [gates.security] from pullet.toml to deploy without it.",
    )


def _strictest(severities: Iterable[Severity]) -> Severity:
    """The one that most findings reach: a commit does not loosen its own gate."""
    return max(severities, key=list(Severity).index, default=Severity.HIGH)


class Later:
    """Releases that no gate looked at are assessed beside whatever else happens, once they are live."""

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours) -> None:
        self._environment = environment
        self._world = neighbours
        self._begun: set[int] = set()

    def begin(self, number: int, source: SourceSpec, aside: asyncio.TaskGroup) -> None:
        """Once in the life of this daemon; where it ends amid the work, the next daemon begins anew."""
        if self._world.assessor is None or number in self._begun:
            return
        self._begun.add(number)
        release = ReleaseId(self._environment, number)
        if self._world.store.assessments.get(release) is None:
            work = self._assess(release, Assessing(self._world, self._world.assessor, source))
            aside.create_task(work, name=f"assess:{release}")

    async def _assess(self, release: ReleaseId, assessing: Assessing) -> None:
        try:
            found = self._world.store.releases.get(release)
            with StepLog(self._world.home.release(release) / "logs" / "assess.log") as log:
                message = summary(await assessing.assess(found, log))
        except (PulletError, OSError) as err:
            message = f"not assessed: {err}"
        note_if_possible(self._world.store, "assessment", f"Release {release.number}: {message}.", self._environment)


def summary(assessment: Assessment) -> str:
    """In half a sentence, for the list of what happened."""
    counts = Counter(str(finding.severity) for finding in assessment.findings if finding.blocks)
    review = sum(not finding.blocks for finding in assessment.findings)
    gaps = [part.report.part for part in assessment.parts if part.state is PartState.NOT_ASSESSED]
    found = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity]) or "nothing"
    return f"{found} found, {review} for review" + (f"; NOT ASSESSED: {', '.join(gaps)}" if gaps else "")
