"""What an engine said of a file holds while it stays the same: a commit of three files costs three files."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pullet
from pullet.analysis.security.served import NotServed
from pullet.domain.codec import from_json, to_json
from pullet.domain.errors import PulletError
from pullet.domain.security import Coverage, EngineReport, Finding
from pullet.ports.assessing import Engine, Subject

_MISSED_SHOWN = 100
_CHUNK = 1 << 20
_FORMAT = 2
Ask = Callable[[Subject], Awaitable[EngineReport]]


@runtime_checkable
class PerFile(Engine, Protocol):
    """An engine whose findings in a file depend on that file, on whether it is a test, and on no other."""

    def files(self, subject: Subject) -> Sequence[str]:
        """Those that it looks at, of `subject.files`. Blocking."""

    def program(self) -> Path | None:
        """What it runs: another build of that may say otherwise. None: Pullet's own code. Raises AssessmentFailed."""


@dataclass(frozen=True)
class _Known:
    """What was said before, of each file that it was said of."""

    entries: Mapping[str, Any]
    findings: Mapping[str, tuple[Finding, ...]]
    tool: str = ""


class Memory:
    """Below `folder`, which is Pullet's own, one file for each app and engine. Losing it costs time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, subject: Subject) -> Remembered:
        """For all engines that look at one subject."""
        return Remembered(self._folder / subject.app, subject)


class Remembered:
    """The memory of one subject, whose files are read once for all engines."""

    def __init__(self, folder: Path, subject: Subject) -> None:
        self._folder = folder
        self._subject = subject
        self._digests: dict[str, str] = {}
        self._reading = asyncio.Lock()

    async def assess(self, engine: PerFile, ask: Ask) -> EngineReport:
        """As `ask` would say it of the whole subject. Raises what it raises."""
        subject = self._subject
        digests = await self._digests_of(await asyncio.to_thread(engine.files, subject))
        place, stamp = self._folder / f"{engine.part}.json", _stamp(subject, engine.program())
        known = await asyncio.to_thread(_load, place, stamp)
        stale = {path for path, digest in digests.items() if known.entries.get(path, {}).get("digest") != digest}
        if len(stale) == len(digests):
            known = _Known({}, {})
        fresh = await ask(replace(subject, only=frozenset(stale)))
        if fresh.gap or not _told_of_all(fresh, len(stale)):
            return fresh if not known.entries else await ask(subject)
        kept = {path: known.entries[path] for path in digests if path not in stale}
        entries = {**kept, **_entries(fresh, stale, digests)}
        tool = fresh.tool or known.tool
        if stale or len(kept) != len(known.entries):
            with suppress(OSError):
                await asyncio.to_thread(_save, place, {"stamp": stamp, "tool": tool, "entries": entries})
        findings = (*(each for path in kept for each in known.findings[path]), *fresh.findings)
        return replace(fresh, findings=findings, coverage=(_coverage(entries),), tool=tool)

    async def _digests_of(self, paths: Sequence[str]) -> dict[str, str]:
        async with self._reading:
            unread = [path for path in paths if path not in self._digests]
            self._digests |= await asyncio.to_thread(_digests, self._subject, unread)
        return {path: self._digests[path] for path in paths}


def _coverage(entries: Mapping[str, Any]) -> Coverage:
    missed = [(path, entry["why"]) for path, entry in sorted(entries.items()) if entry["why"]]
    return Coverage("files", len(entries) - len(missed), len(entries), tuple(missed[:_MISSED_SHOWN]))


def _entries(fresh: EngineReport, paths: Iterable[str], digests: Mapping[str, str]) -> dict[str, Any]:
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
    """Of what decides on what is said of a file: its content, and whether it is a test, which the files beside it say.
    Of a file that cannot be read none, so that it is never known."""
    if not paths:
        return {}
    tests = NotServed(subject.files)
    return {path: _digest(f"{subject.tree}/{path}", tests.has(path)) for path in paths}


def _digest(path: str, tested: bool) -> str:
    digest = hashlib.sha256(b"a test" if tested else b"")
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return ""
    try:
        while chunk := os.read(file, _CHUNK):
            digest.update(chunk)
    except OSError:
        return ""
    finally:
        os.close(file)
    return digest.hexdigest()


def _load(place: Path, stamp: str) -> _Known:
    """Nothing where it was written by another version, or is damaged."""
    try:
        told = json.loads(place.read_bytes())
        if told["stamp"] != stamp:
            return _Known({}, {})
        entries = {path: entry for path, entry in told["entries"].items() if entry["digest"]}
        findings = {
            path: tuple(from_json(Finding, each) for each in entry["findings"]) for path, entry in entries.items()
        }
        return _Known(entries, findings, str(told["tool"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, PulletError):
        return _Known({}, {})


def _save(place: Path, told: Mapping[str, Any]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(".new")
    new.write_text(json.dumps(told))
    new.replace(place)


def _stamp(subject: Subject, program: Path | None) -> str:
    """Who said it: other tools, or other frameworks, may say otherwise."""
    return json.dumps([_FORMAT, _code(), _build(program), sorted(subject.frameworks)])


def _build(program: Path | None) -> Sequence[str | int]:
    """Which build of a program it is; whatever installs another one writes the file anew."""
    if program is None:
        return ()
    real = program.resolve()
    status = real.stat()
    return (str(real), status.st_size, status.st_mtime_ns)


@cache
def _code() -> str:
    """Which Python reads the files, and when the code of the engines was last changed."""
    top = Path(pullet.__file__).parent
    newest = max(
        path.stat().st_mtime_ns for name in ("analysis", "drivers") for path in (top / name / "security").rglob("*.py")
    )
    return f"{platform.python_version()}:{pullet.__version__}:{newest}"
