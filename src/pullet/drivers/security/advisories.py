"""The advisory database: a git repository, polled like any other, with an index that is read in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from pullet.domain.errors import AssessmentFailed
from pullet.domain.fleet import SourceSpec
from pullet.drivers.security.advisory_index import AdvisoryIndex, Known, Records, State
from pullet.planner.tracking import choose_default_branch
from pullet.ports import Source

DEFAULT_URL = "https://github.com/pypa/advisory-database.git"
MAX_AGE = 14 * 86400.0  # seconds
_AT_A_TIME = 500  # records read at once
_DAY = 86400.0
_KEPT = 0.5  # of the records there were: a repository that lost more than that is taken for damaged
_PREFIXES = ("PYSEC-", "GHSA-", "MAL-", "CVE-", "OSV-")
_HINT = (
    "They are polled by themselves. `pullet assess --advisories` names another repository for once,"
    " [assess] advisories in settings.toml for good."
)


class Advisories:
    """`folder` is Pullet's own. Whoever polls last writes; the index is replaced whole."""

    def __init__(
        self, folder: Path, source: Source, url: str, clock: Callable[[], float], max_age: float = MAX_AGE
    ) -> None:
        """`clock`: seconds since the epoch. `max_age`: seconds."""
        self.url = url
        self._folder = folder
        self._index = AdvisoryIndex(folder / "advisories.sqlite")
        self._source = source
        self._clock = clock
        self._max_age = max_age

    async def refresh(self) -> State:
        """Poll, and index anew where there is something new. Raises SourceError, BranchMissing, AssessmentFailed;
        then the former index stays."""
        if not self.url:
            raise AssessmentFailed("No repository of advisories is configured", hint=_HINT)
        spec = SourceSpec(self.url)
        refs = await self._source.poll(spec)
        sha = refs.heads[choose_default_branch(refs)]
        known = await asyncio.to_thread(self._known)
        if known is not None and known.commit == sha:
            await asyncio.to_thread(self._index.note_poll, self._clock())
        else:
            await self._source.fetch(spec, sha)
            await self._index_anew(spec, sha, known)
        return await asyncio.to_thread(self.state)

    def polled_within(self, seconds: float) -> bool:
        """Blocking, as all below."""
        known = self._known()
        return known is not None and 0 <= self._clock() - known.polled < seconds

    async def ensure(self) -> None:
        """Have some, at least: a box that is new asks for them once, whoever waits. Raises as `refresh` does."""
        if await asyncio.to_thread(self._known) is None:
            await self.refresh()

    def state(self) -> State:
        """Raises AssessmentFailed where there is none, or it is too old to say anything."""
        state = self._known()
        if state is None:
            raise AssessmentFailed("There are no advisories on this box yet", hint=_HINT)
        self._refuse_stale("newest advisory is", state.committed)
        self._refuse_stale("last answer from their repository is", state.polled)
        return state

    def look_up(self, packages: Collection[str]) -> Known:
        """By canonical names. Call `state` first: this does not ask how old they are. Raises AssessmentFailed."""
        return self._index.look_up(packages)

    def told(self) -> str:
        """For the report. Raises as `state` does."""
        state = self.state()
        age = (self._clock() - state.committed) / _DAY
        return f"{state.records} advisories, the newest {max(age, 0):.0f} days old ({state.commit[:7]})"

    def _known(self) -> State | None:
        """Of another repository than the one that is configured now there is nothing."""
        state = self._index.state()
        return state if state is not None and state.url == self.url else None

    def _refuse_stale(self, what: str, then: float) -> None:
        days, limit = (self._clock() - then) / _DAY, self._max_age / _DAY
        if days > limit:
            raise AssessmentFailed(
                f"The {what} {days:.0f} days old, more than {limit:.0f}", context=self.url, hint=_HINT
            )
        if days < -1:
            hint = "Set the clock of this box, or name a repository whose commits have true dates."
            told = f"The {what} {-days:.0f} days ahead of this box's clock"
            raise AssessmentFailed(told, context=self.url, hint=hint)

    async def _index_anew(self, spec: SourceSpec, sha: str, known: State | None) -> None:
        tree = self._source.tree(spec, sha)
        paths = [entry.path for entry in await tree.entries() if entry.kind == "file" and _is_record(entry.path)]
        records = Records()
        for first in range(0, len(paths), _AT_A_TIME):
            part = paths[first : first + _AT_A_TIME]
            await asyncio.to_thread(_read, records, part, await tree.read(part))
        committed = await tree.committed() or 0.0
        self._refuse_damaged(records, sha, known)
        state = State(self.url, sha, committed, self._clock(), records.count, len(records.unread))
        await asyncio.to_thread(self._index.write, state, records)

    def _refuse_damaged(self, records: Records, sha: str, known: State | None) -> None:
        """An empty repository, or one that lost most of what it had, must not make everything look sound."""
        if not records.count:
            told = f"{self.url} has no advisory that can be read"
            raise AssessmentFailed(told, context=f"at {sha[:12]}", hint=_HINT)
        if known is not None and records.count < known.records * _KEPT:
            raise AssessmentFailed(
                f"{self.url} has lost most of its advisories: {records.count} of {known.records} are left",
                context=f"at {sha[:12]}; what was there before goes on counting",
                hint=f"Remove {self._folder} where that is as it should be.",
            )


def _is_record(path: str) -> bool:
    return path.endswith((".yaml", ".yml", ".json")) and path.rpartition("/")[2].upper().startswith(_PREFIXES)


def _read(records: Records, paths: Sequence[str], files: Mapping[str, bytes]) -> None:
    for path in paths:
        records.add(path, files.get(path))
