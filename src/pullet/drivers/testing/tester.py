"""Every column of a suite: run, or told again where nothing that decides its results has changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pullet import __version__
from pullet.domain.codec import dumps, loads
from pullet.domain.errors import MalformedData, UsageError
from pullet.domain.testing import Column
from pullet.drivers.testing.conductor import passes, run_column
from pullet.ports import ColumnKind, Expects, LogSink, Suite

_KEPT = 200  # results; the oldest goes first


class ColumnTester:
    """`Tester`. `memory`: a folder of Pullet's own; losing it costs time."""

    def __init__(self, kinds: Sequence[ColumnKind], memory: Path) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self.names = tuple(self._kinds)
        self._memory = memory

    async def test(
        self,
        suite: Suite,
        name: str,
        log: LogSink,
        *,
        only: Sequence[str] | None = None,
        expects: Expects | None = None,
        fresh: bool = False,
    ) -> Column:
        """One column. `only`: ids; `fresh`: run it, whatever is remembered. Raises UsageError for an unknown name."""
        if name not in self._kinds:
            raise UsageError(f"There is no column {name!r}", hint=f"There are {', '.join(self._kinds)}.")
        kind = self._kinds[name]
        key = _key(kind, suite) if only is None else ""
        if key and not fresh and (known := await asyncio.to_thread(self._recall, key)):
            log(f"{name}: nothing has changed since {known.reused}, whose results are told again")
            return known
        column = replace(await run_column(kind, suite, log, only, expects or passes), inputs=key)
        if key and _sure(column):
            with suppress(OSError):
                await asyncio.to_thread(self._remember, key, suite.revision, column)
        return column

    def _recall(self, key: str) -> Column | None:
        with suppress(OSError, MalformedData, ValueError):
            text = (self._memory / f"{key}.json").read_text("utf-8")
            return loads(Column, text)
        return None

    def _remember(self, key: str, revision: str, column: Column) -> None:
        """For the next time: then it is told as this revision's."""
        self._memory.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self._memory / f"{key}.json"
        new = place.with_suffix(".new")
        new.write_text(dumps(replace(column, reused=revision or "an earlier run")), "utf-8")
        new.replace(place)
        kept = sorted(_files(self._memory), key=_age, reverse=True)
        for old in kept[_KEPT:]:
            old.unlink(missing_ok=True)


def _sure(column: Column) -> bool:
    """Only what would come out again is told again: no trouble, nothing that changes its mind, no lack of time."""
    return bool(column.results) and not column.trouble and not any(result.flaky for result in column.results)


def _key(kind: ColumnKind, suite: Suite) -> str:
    """Digest of all that decides the results; empty where nobody can tell."""
    if not suite.digest:
        return ""
    parts = [
        __version__, kind.name, kind.identity(suite), suite.digest, suite.arguments, sorted(suite.lock),
        sorted(suite.variables.items()), suite.limit, suite.network, suite.memory,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ".json"]


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
