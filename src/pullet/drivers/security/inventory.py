"""What an app depends on: as its files list it, and as its environment has it. Both are read in the sandbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pullet.analysis.diagnosis.names import distribution_of
from pullet.analysis.security.listed import Kind, Listed, lists_dependencies
from pullet.analysis.security.metadata import Installed
from pullet.domain.codec import from_json
from pullet.domain.errors import AssessmentFailed, MalformedData
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject

_LISTED = "pullet.drivers.security.asked.dependencies"
_IMPORTED = "pullet.drivers.security.asked.imports"
_INSTALLED = "pullet.drivers.security.asked.installed"
_TESTS = re.compile(r"(^|/)(tests?|testing|fixtures)/")


@dataclass(frozen=True)
class Listing:
    """What the repository's files say."""

    lines: tuple[Listed, ...]
    more: int
    """Lines beyond those."""
    among_tests: tuple[str, ...]
    """Files that list what test data need, which is never installed."""


@dataclass(frozen=True)
class Imports:
    """What the repository's code imports."""

    modules: frozenset[str]
    """Top modules."""
    unread: int
    """Python files of which it is not known."""

    def uses(self, name: str, modules: tuple[str, ...] = ()) -> bool | None:
        """Whether the code imports the package; None: not known."""
        guessed = {name.replace("-", "_"), *modules}
        if self.modules & guessed or name in self.distributions:
            return True
        return False if modules and not self.unread else None

    @cached_property
    def distributions(self) -> frozenset[str]:
        known = (distribution_of(module) for module in self.modules)
        return frozenset(canonicalize_name(each) for each in known if each)


@dataclass(frozen=True)
class Contents:
    """What the environment has."""

    installed: tuple[Installed, ...]
    missed: tuple[tuple[str, str], ...]
    """(folder, why) of what there is and is not known."""
    sites: tuple[Path, ...] = ()


def lists_any(subject: Subject) -> bool:
    return any(lists_dependencies(path) for path in subject.files)


async def listing(workbench: Workbench, subject: Subject) -> Listing:
    """Raises AssessmentFailed."""
    tests = tuple(path for path in subject.files if _TESTS.search(path) and lists_dependencies(path))
    files = [path for path in subject.files if path not in set(tests)]
    told = await workbench.ask(subject, _LISTED, {"tree": str(subject.tree), "files": files})
    try:
        lines = tuple(from_json(Listed, each) for each in told["listed"])
        return Listing(lines, int(told["more"]), tests)
    except (MalformedData, KeyError, TypeError, ValueError) as err:
        raise AssessmentFailed("What is told of the dependencies cannot be read", context=str(err)) from err


async def imports(workbench: Workbench, subject: Subject) -> Imports:
    """Every Python file is parsed for it. Raises AssessmentFailed."""
    files = [path for path in subject.files if path.endswith(".py")]
    told = await workbench.ask(subject, _IMPORTED, {"tree": str(subject.tree), "files": files})
    try:
        return Imports(frozenset(map(str, told["imports"])), int(told["unread"]))
    except (KeyError, TypeError, ValueError) as err:
        raise AssessmentFailed("What is told of the imports cannot be read", context=str(err)) from err


async def contents(workbench: Workbench, subject: Subject) -> Contents:
    """Of the subject's environment. Raises AssessmentFailed where there is none at that place."""
    if subject.python is None:
        return Contents((), ())
    environment = subject.python.parent.parent
    told: Any = await workbench.ask(subject, _INSTALLED, {"environment": str(environment)}, readable=(environment,))
    try:
        if not told["sites"]:
            hint = "Name the interpreter of a virtual environment that has the app's dependencies."
            raise AssessmentFailed(f"{subject.python} is of no environment with site-packages", hint=hint)
        installed = tuple(from_json(Installed, each) for each in told["installed"])
        missed = tuple((str(name), str(why)) for name, why in told["missed"])
        return Contents(installed, missed, tuple(Path(str(site)) for site in told["sites"]))
    except (MalformedData, KeyError, TypeError, ValueError) as err:
        raise AssessmentFailed("What is told of the environment cannot be read", context=str(err)) from err


def unresolved(known: Listing) -> tuple[tuple[str, str], ...]:
    """(line, why) of what has no version in any file."""
    versions = {each.name for each in known.lines if each.kind is Kind.PINNED}
    told = [(each.text, _why(each)) for each in known.lines if _is_open(each, versions)]
    if known.more:
        told.append((f"{known.more} more lines", "there are too many"))
    return tuple(told)


def _is_open(each: Listed, versions: set[str]) -> bool:
    if each.kind is Kind.UNREAD:
        return True
    return each.kind in (Kind.LOOSE, Kind.FETCHED) and not each.version and each.name not in versions


def _why(each: Listed) -> str:
    place = f"{each.path}:{each.line}" if each.line else each.path
    if each.kind is Kind.UNREAD:
        return f"{place} cannot be read"
    return f"{place} names no version of it, and nothing is installed"


def listed_in(subject: Subject) -> str:
    """The file that dependencies are read from, for what no line of it names."""
    if subject.spec is not None and subject.spec.dependencies.path:
        root = "" if subject.spec.root == "." else f"{subject.spec.root}/"
        return f"{root}{subject.spec.dependencies.path}"
    return next((path for path in subject.files if lists_dependencies(path)), "")
