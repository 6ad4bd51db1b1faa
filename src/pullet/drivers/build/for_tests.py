"""Where an app's tests run: the release's own environment, made once more with what its development asks for.

What the release has it has here in the same version; what a lock file pins for development is followed; the rest is
resolved so that it agrees with both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pullet.analysis.testing.command import understood
from pullet.domain.app import DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.domain.healing import ChangeKind
from pullet.domain.release import Artifact
from pullet.domain.testing import Runner
from pullet.drivers.build.changes import last
from pullet.drivers.build.development import (
    added_for_pytest,
    development,
    name_of,
)
from pullet.drivers.build.environments import Environment, Environments, own_digest, shared_digest
from pullet.drivers.build.inputs import Wanted
from pullet.drivers.build.interpreters import Interpreter
from pullet.drivers.build.locks import Lock, digest, entry_name
from pullet.drivers.build.resolve import ALWAYS, Question, Resolver, read_lock
from pullet.drivers.build.workshop import Job, Workshop, write_file
from pullet.drivers.listing import inside

_FORMAT = "1"  # part of every key: raise it when the same inputs shall be resolved anew
_TOOLS = ("pytest", "pytest-django", "pluggy", "iniconfig", "pygments", "exceptiongroup", "tomli", "packaging")
"""What may be added, and what that needs: of today in any case, as it has to know today's Pythons."""
_PINNED = re.compile(r"===?\s*([A-Za-z0-9.!+_-]+)")
_LOCKED = re.compile(r'^name = "([^"\n]+)"', re.MULTILINE)


@dataclass
class ForTests:
    workshop: Workshop
    environments: Environments
    _resolver: Resolver = field(init=False)

    def __post_init__(self) -> None:
        what = "Could not resolve the development dependencies"
        self._resolver = Resolver(self.workshop, what, (*ALWAYS, *_TOOLS))

    async def make(self, job: Job, question: Question, base: Lock) -> Environment:
        """The environment for the tests of a tree, with what `base` has. Raises BuildFailed, DiskFull, NeedsBuild."""
        lock = await self._lock(job, question, base)
        environment = self.environments.find(job, lock) or await self.environments.ensure(job, lock)
        self.environments.keep(environment)
        return environment

    async def _lock(self, job: Job, question: Question, base: Lock) -> Lock:
        wanted = development(question.files, question.spec)
        key = self._key(job, question, base, wanted)
        folder = self.workshop.home.cache / "resolutions" / job.app
        path, latest = folder / f"{key}.txt", folder / "development.txt"
        lock = read_lock(path)
        if lock is not None and lock.key == key:
            return lock
        for notice in wanted.notices:
            job.log(notice)
        pinned = await self._resolver.pinned(job, question)
        known = base if pinned is None else base.with_more(pinned)
        added = await self._more(job, question, known, wanted, read_lock(latest))
        lock = replace(added, key=key)
        for kept in (path, latest):
            write_file(kept, lock.text)
        return lock

    def _key(self, job: Job, question: Question, base: Lock, wanted: Wanted) -> str:
        sources = self.workshop.settings.index
        asked = question.key(job.app, job.interpreter.identity, sources)
        content, tests = json.dumps(asdict(wanted)), question.spec.tests.command
        return digest("for-tests", _FORMAT, asked, base.body, content, tests)

    async def _more(self, job: Job, question: Question, base: Lock, wanted: Wanted, previous: Lock | None) -> Lock:
        """`base`, and what is wanted besides."""
        present = base.names | {name_of(line) for line in wanted.requirements}
        if understood(question.spec.tests.command or "pytest").runner is Runner.PYTEST:
            wanted = wanted.with_extra(added_for_pytest(question.files, question.spec, frozenset(present)))
        left, notices = _agreeing(wanted.checked(), base, _elsewhere(question))
        for notice in notices:
            job.log(notice)
        indexes = base.indexes.merged(wanted.indexes)
        moment = last(question.spec, ChangeKind.EXCLUDE_NEWER)
        left = replace(left, indexes=indexes, exclude_newer=moment)
        return replace(base, indexes=indexes).with_more(await self._resolver.compile(job, question, left, previous))


def _agreeing(wanted: Wanted, base: Lock, elsewhere: frozenset[str]) -> tuple[Wanted, tuple[str, ...]]:
    """What is yet to be resolved, bound to what is there; what is there in another version than asked for is told.

    `elsewhere`: names that are not to be had from an index, or that the lock file leaves out on purpose.
    """
    pins = {entry_name(entry): entry.partition(" --hash")[0] for entry in base.entries}
    lines: list[str] = []
    notices: list[str] = []
    for line in wanted.requirements:
        name = name_of(line)
        if name in pins:
            lines += _only_extras(line)
            notices += _disagreement(line, pins[name])
        elif name not in elsewhere:
            lines.append(line)
    own = tuple(line for line in wanted.constraints if name_of(line) not in pins)
    left = replace(wanted, requirements=tuple(lines), constraints=(*own, *pins.values()), notices=())
    return left, tuple(notices)


def _only_extras(line: str) -> Iterator[str]:
    """`uvicorn[standard]` of `uvicorn[standard]>=0.34`: the version is that of the lock."""
    parsed = Requirement(line.partition(" --hash")[0])
    if parsed.extras:
        marker = f" ; {parsed.marker}" if parsed.marker else ""
        yield f"{parsed.name}[{','.join(sorted(parsed.extras))}]{marker}"


def _disagreement(line: str, pin: str) -> Iterator[str]:
    try:
        parsed = Requirement(line.partition(" --hash")[0])
    except InvalidRequirement:
        return
    found = _PINNED.search(pin.partition(";")[0])
    applies = parsed.marker is None
    if found and applies and not parsed.specifier.contains(found[1], prereleases=True):
        yield f"Tests want {parsed}; they run with {parsed.name} {found[1]}, as the release does"


def _elsewhere(question: Question) -> frozenset[str]:
    """With uv.lock: all that it knows, as what it does not give for development is in the repository itself."""
    if question.kind is not DependencyKind.UV_LOCK:
        return frozenset()
    return frozenset(canonicalize_name(name) for name in _LOCKED.findall(question.files.read(question.path)))


def same_interpreter(found: Sequence[Interpreter], artifact: Artifact, lock: Lock, app: str) -> Interpreter:
    """The one that the artifact was built with. Raises BuildFailed where it is gone from the box."""
    digests = {one: {shared_digest(one, lock), own_digest(one, lock, app)} for one in found}
    exact = (one for one in found if artifact.environment_digest in digests[one])
    near = (one for one in found if one.version_text == artifact.python_version)
    chosen = next(exact, None) or next(near, None)
    if chosen is None:
        raise BuildFailed(
            f"Python {artifact.python_version}, with which the release was built, is not on this box any more",
            hint="Install it again, or commit something: the next release is built with another one.",
        )
    return chosen


def distributions(environment: Environment) -> tuple[str, ...]:
    """`name==version` of each that is installed there, sorted. Blocking."""
    sites = [path / "site-packages" for path in inside([environment.folder / "lib"])]
    names = (path.name for path in inside(sites) if path.name.endswith(".dist-info"))
    return tuple(sorted("==".join(name.removesuffix(".dist-info").split("-", 1)) for name in names))
