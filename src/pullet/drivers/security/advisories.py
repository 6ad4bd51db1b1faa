"""The advisory database: a git repository, polled like any other, with an index that is read in milliseconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullet.analysis.security.advisories import Advisory, parse_advisory
from pullet.domain.codec import Json, from_json, to_json
from pullet.domain.errors import AssessmentFailed
from pullet.domain.fleet import SourceSpec
from pullet.ports import Source

DEFAULT_URL = "https://github.com/pypa/advisory-database.git"
MAX_AGE = 14 * 86400.0  # seconds
_AT_A_TIME = 500  # records read at once
_DAY = 86400.0
_PREFIXES = ("PYSEC-", "GHSA-", "MAL-", "CVE-", "OSV-")
_HINT = (
    "They are polled by themselves. `pullet assess --advisories` names another repository for once,"
    " [assess] advisories in settings.toml for good."
)


@dataclass(frozen=True)
class State:
    """How fresh the index is."""

    commit: str
    committed: float
    """Seconds since the epoch, as the newest commit says."""
    polled: float
    """When it was last asked, and answered."""
    records: int
    unread: int


class Advisories:
    """`folder` is Pullet's own. One daemon or command at a time writes; the index is replaced whole."""

    def __init__(
        self, folder: Path, source: Source, url: str, clock: Callable[[], float], max_age: float = MAX_AGE
    ) -> None:
        self.url = url
        self._index = folder / "advisories.json"
        self._source = source
        self._clock = clock
        self._max_age = max_age
        self._loaded: tuple[int, dict[str, Any]] | None = None

    async def refresh(self) -> State:
        """Poll, and index anew where there is something new. Raises SourceError, BranchMissing, AssessmentFailed;
        then the former index stays."""
        if not self.url:
            raise AssessmentFailed("No repository of advisories is configured", hint=_HINT)
        spec = SourceSpec(self.url)
        refs = await self._source.poll(spec)
        sha = refs.heads[await self._source.default_branch(spec)]
        known = await asyncio.to_thread(self._load)
        if known is None or known["commit"] != sha:
            await self._source.fetch(spec, sha)
            known = await self._read(spec, sha)
        await asyncio.to_thread(self._write, {**known, "polled": self._clock()})
        return self.state()

    def polled_within(self, seconds: float) -> bool:
        known = self._load()
        return known is not None and self._clock() - float(known["polled"]) < seconds

    async def ensure(self) -> None:
        """Have some, at least: a box that is new asks for them once, whoever waits. Raises as `refresh` does."""
        if await asyncio.to_thread(self._load) is None:
            await self.refresh()

    def state(self) -> State:
        """Raises AssessmentFailed where there is none, or it is too old to say anything."""
        known = self._load()
        if known is None:
            raise AssessmentFailed("There are no advisories on this box yet", hint=_HINT)
        state = State(known["commit"], known["committed"], known["polled"], known["records"], known["unread"])
        self._refuse_stale(state)
        return state

    def look_up(self, package: str) -> Sequence[Advisory]:
        """By canonical name. Call `state` first: this does not ask how old they are."""
        known = self._load()
        rows = known["packages"].get(package, ()) if known is not None else ()
        return [_advisory(row) for row in rows]

    def told(self) -> str:
        """For the report."""
        state = self.state()
        age = (self._clock() - state.committed) / _DAY
        return f"{state.records} advisories, the newest {age:.0f} days old ({state.commit[:7]})"

    def _refuse_stale(self, state: State) -> None:
        now = self._clock()
        for what, then in (
            ("newest advisory is", state.committed),
            ("last answer from their repository is", state.polled),
        ):
            if now - then > self._max_age:
                days, limit = (now - then) / _DAY, self._max_age / _DAY
                raise AssessmentFailed(
                    f"The {what} {days:.0f} days old, more than {limit:.0f}", context=self.url, hint=_HINT
                )

    async def _read(self, spec: SourceSpec, sha: str) -> dict[str, Any]:
        tree = self._source.tree(spec, sha)
        paths = [entry.path for entry in await tree.entries() if entry.kind == "file" and _is_record(entry.path)]
        packages: dict[str, list[Json]] = {}
        records = 0
        for first in range(0, len(paths), _AT_A_TIME):
            files = await tree.read(paths[first : first + _AT_A_TIME])
            records += await asyncio.to_thread(_index, files, packages)
        if not records:
            raise AssessmentFailed(f"{self.url} has no advisory", context=f"at {sha[:12]}", hint=_HINT)
        committed = await tree.committed() or 0.0
        unread = len(paths) - records
        return {"commit": sha, "committed": committed, "records": records, "unread": unread, "packages": packages}

    def _load(self) -> dict[str, Any] | None:
        """A damaged index is none: it is made anew by the next poll."""
        try:
            stamp = self._index.stat().st_mtime_ns
            if self._loaded is None or self._loaded[0] != stamp:
                self._loaded = (stamp, json.loads(self._index.read_bytes()))
        except (OSError, ValueError):
            return None
        return self._loaded[1]

    def _write(self, known: Mapping[str, Any]) -> None:
        try:
            self._index.parent.mkdir(parents=True, exist_ok=True)
            new = self._index.with_suffix(".new")
            new.write_text(json.dumps(known))
            new.replace(self._index)
        except OSError as err:
            raise AssessmentFailed("The advisories cannot be kept", context=str(err)) from err


def _is_record(path: str) -> bool:
    return path.endswith((".yaml", ".yml", ".json")) and path.rpartition("/")[2].upper().startswith(_PREFIXES)


def _index(files: Mapping[str, bytes], packages: dict[str, list[Json]]) -> int:
    """How many records could be read."""
    read = 0
    for path, data in sorted(files.items()):
        try:
            found = parse_advisory(path, data.decode("utf-8"))
        except ValueError:
            continue
        read += 1
        for advisory in found:
            packages.setdefault(advisory.package, []).append(to_json(advisory))
    return read


def _advisory(row: object) -> Advisory:
    return from_json(Advisory, row)
