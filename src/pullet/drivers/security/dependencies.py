"""Engine `dependencies`: what is installed, or locked where nothing is, against the advisory database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pullet.analysis.security.advisories import CWES, findings
from pullet.domain.security import Coverage, EngineReport, Finding, Spot
from pullet.drivers.listing import inside
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_MODULE = "pullet.drivers.security.asked.dependencies"
_DIST = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[^-/]+)\.dist-info")
_FILES = re.compile(r"(^|/)(requirements[^/]*\.txt|uv\.lock|poetry\.lock|pylock\.toml|Pipfile\.lock|pyproject\.toml)$")
_SHOWN = 100


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    spot: Spot


class DependenciesEngine:
    part = "dependencies"

    def __init__(self, workbench: Workbench, advisories: Advisories) -> None:
        self._workbench = workbench
        self._advisories = advisories

    def left_out(self, subject: Subject) -> str:
        listed = subject.python is not None or any(_FILES.search(path) for path in subject.files)
        return "" if listed else "no dependencies are listed"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        await self._advisories.ensure()
        data = await asyncio.to_thread(self._advisories.told)
        told = await self._workbench.ask(subject, _MODULE, {"tree": str(subject.tree), "files": list(subject.files)})
        places = {canonicalize_name(name): Spot(path, line) for name, _, path, line in told["locked"]}
        if subject.python is not None:
            packages = await asyncio.to_thread(_installed, subject.python, places, _listed_in(subject))
            loose: list[tuple[str, str]] = []
        else:
            packages = [
                _Package(canonicalize_name(name), version, Spot(path, line))
                for name, version, path, line in told["locked"]
            ]
            named = {package.name for package in packages}
            loose = [(text, path) for text, path in told["loose"] if _name(text) not in named]
        imported = frozenset(canonicalize_name(name) for name in told["imports"])
        found = await asyncio.to_thread(self._match, packages, imported)
        missed = tuple((text, f"{path} names no version of it, and nothing is installed") for text, path in loose)
        coverage = Coverage("dependencies", len(packages), len(packages) + len(loose), missed[:_SHOWN])
        return EngineReport(self.part, tuple(found), (coverage,), tool="Pullet", data=data, checked=CWES)

    def _match(self, packages: list[_Package], imported: frozenset[str]) -> list[Finding]:
        """A package that the code does not import may still be used by one that it does."""
        found: list[Finding] = []
        for package in packages:
            known = self._advisories.look_up(package.name)
            uses = package.name in imported or None
            found += findings(package.name, package.version, package.spot, known, uses)
        return found


def _installed(python: Path, places: dict[Any, Spot], fallback: str) -> list[_Package]:
    """By the names of their folders: nothing that a package says of itself is read."""
    found = {}
    for site in _site_packages(python):
        for path in inside([site]):
            if (named := _DIST.fullmatch(path.name)) is not None:
                name = canonicalize_name(named["name"])
                found[name] = _Package(name, named["version"], places.get(name, Spot(fallback)))
    return [found[name] for name in sorted(found)]


def _site_packages(python: Path) -> Iterator[Path]:
    """Of an environment, found from the path of its interpreter without running it."""
    for path in inside([python.parent.parent / "lib"]):
        if path.name.startswith("python3"):
            yield path / "site-packages"


def _listed_in(subject: Subject) -> str:
    """The file that dependencies are read from, for what no line of it names."""
    if subject.spec is not None and subject.spec.dependencies.path:
        root = "" if subject.spec.root == "." else f"{subject.spec.root}/"
        return f"{root}{subject.spec.dependencies.path}"
    return next((path for path in subject.files if _FILES.search(path)), "")


def _name(text: str) -> str:
    return canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0])
