"""What an engine said of a file holds while the file stays the same: a commit of three files costs three files."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pullet
from pullet.domain.codec import from_json, to_json
from pullet.domain.errors import PulletError
from pullet.domain.security import Coverage, EngineReport, Finding
from pullet.ports.assessing import Engine, Subject

_MISSED_SHOWN = 100
_CHUNK = 1 << 20
_TOOLS = ("ruff", "pullet")
Ask = Callable[[Subject], Awaitable[EngineReport]]


@runtime_checkable
class PerFile(Engine, Protocol):
    """An engine whose findings in a file depend on that file, and on no other."""

    def files(self, subject: Subject) -> Sequence[str]:
        """Those that it looks at, of `subject.files`. Blocking."""


class Memory:
    """Below `folder`, which is Pullet's own, one file for each app and engine. Losing it costs time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def assess(self, engine: PerFile, subject: Subject, ask: Ask) -> EngineReport:
        """As `ask` would say it of the whole subject. Raises what it raises."""
        digests = await asyncio.to_thread(_digests, subject, engine.files(subject))
        place = self._folder / subject.app / f"{engine.part}.json"
        known = await asyncio.to_thread(_load, place, _stamp(subject))
        stale = [path for path, digest in digests.items() if known.get(path, {}).get("digest") != digest]
        if len(stale) == len(digests):
            known = {}
        fresh = await ask(replace(subject, only=frozenset(stale)))
        if fresh.gap or not _told_of_all(fresh, len(stale)):
            return fresh if not known else await ask(subject)
        entries = {
            **{path: known[path] for path in digests if path not in set(stale)},
            **_entries(fresh, stale, digests),
        }
        with suppress(OSError):
            await asyncio.to_thread(_save, place, _stamp(subject), entries)
        return _report(fresh, entries)


def _report(fresh: EngineReport, entries: Mapping[str, Any]) -> EngineReport:
    missed = [(path, entry["why"]) for path, entry in sorted(entries.items()) if entry["why"]]
    coverage = Coverage("files", len(entries) - len(missed), len(entries), tuple(missed[:_MISSED_SHOWN]))
    findings = [from_json(Finding, each) for entry in entries.values() for each in entry["findings"]]
    return replace(fresh, findings=tuple(findings), coverage=(coverage,))


def _entries(fresh: EngineReport, paths: Sequence[str], digests: Mapping[str, str]) -> dict[str, Any]:
    missed = dict(fresh.coverage[0].missed)
    entries: dict[str, Any] = {
        path: {"digest": digests[path], "why": missed.get(path, ""), "findings": []} for path in paths
    }
    for finding in fresh.findings:
        entries[finding.spot.path]["findings"].append(to_json(finding))
    return entries


def _told_of_all(report: EngineReport, asked: int) -> bool:
    """Whether it says of each file what became of it: a list of what was missed may be cut."""
    if len(report.coverage) != 1:
        return False
    [coverage] = report.coverage
    return coverage.there == asked and coverage.done + len(coverage.missed) == asked


def _digests(subject: Subject, paths: Sequence[str]) -> dict[str, str]:
    """Of a file that cannot be read none, so that it is never known."""
    found = {}
    for path in paths:
        try:
            with os.fdopen(os.open(subject.tree / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                digest = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            found[path] = digest.hexdigest()
        except (OSError, ValueError):
            found[path] = ""
    return found


def _load(place: Path, stamp: str) -> Mapping[str, Any]:
    """Nothing where it was written by another version, or is damaged."""
    try:
        told = json.loads(place.read_bytes())
        entries: Mapping[str, Any] = told["entries"] if told["stamp"] == stamp else {}
        for entry in entries.values():
            for each in entry["findings"]:
                from_json(Finding, each)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, PulletError):
        return {}
    return {path: entry for path, entry in entries.items() if entry.get("digest")}


def _save(place: Path, stamp: str, entries: Mapping[str, Any]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(".new")
    new.write_text(json.dumps({"stamp": stamp, "entries": entries}))
    new.replace(place)


def _stamp(subject: Subject) -> str:
    """Who said it: other tools, or other frameworks, may say otherwise."""
    return f"{_code()}:{','.join(sorted(subject.frameworks))}"


@cache
def _code() -> str:
    """The versions of the tools, and when the code of the engines was last changed."""
    top = Path(pullet.__file__).parent
    newest = max(
        path.stat().st_mtime_ns for name in ("analysis", "drivers") for path in (top / name / "security").rglob("*.py")
    )
    return ":".join((*(version(tool) for tool in _TOOLS), str(newest)))
