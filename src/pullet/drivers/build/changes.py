"""Following the changes that healing made, and those that pullet.toml asks for, to what is resolved and built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pullet.domain.app import AppSpec
from pullet.domain.healing import Change, ChangeKind
from pullet.drivers.build.inputs import Wanted


def changed_spec(spec: AppSpec) -> AppSpec:
    """The spec with another interpreter asked for, and with more requirements."""
    python = last(spec, ChangeKind.PYTHON) or spec.python
    extra = tuple(dict.fromkeys((*spec.dependencies.extra, *values(spec, ChangeKind.REQUIREMENT))))
    return replace(spec, python=python, dependencies=replace(spec.dependencies, extra=extra))


def changed_wanted(spec: AppSpec, wanted: Wanted) -> Wanted:
    """`wanted` with the versions that the changes ask for; what is pinned by the owner is overridden."""
    pinned = {name for line in wanted.requirements if "==" in line and (name := _name(line))}
    asked = [*values(spec, ChangeKind.REQUIREMENT), *values(spec, ChangeKind.CONSTRAINT)]
    overrides = tuple(line for line in asked if _name(line) in pinned)
    more = Wanted(
        constraints=tuple(line for line in values(spec, ChangeKind.CONSTRAINT) if line not in overrides),
        overrides=overrides,
        exclude_newer=last(spec, ChangeKind.EXCLUDE_NEWER),
    )
    lines = tuple(replaced(spec, line) for line in wanted.requirements)
    return replace(wanted, requirements=lines).merged(more)


def replaced(spec: AppSpec, line: str) -> str:
    """The requirement under the name that replaces its own, version and marker kept; the hashes are of other files."""
    for value in values(spec, ChangeKind.REPLACEMENT):
        old, _, new = value.partition(" ")
        if _name(line) == canonicalize_name(old):
            return new + line.partition(" --hash")[0].strip()[len(old) :]
    return line


def is_replaced(spec: AppSpec, line: str) -> bool:
    return replaced(spec, line) != line


def asked(spec: AppSpec) -> frozenset[str]:
    """Names of what changes ask for in a version of their own, whatever a lock says."""
    return frozenset(name for value in values(spec, ChangeKind.REQUIREMENT) if (name := _name(value)))


def values(spec: AppSpec, kind: ChangeKind) -> tuple[str, ...]:
    return tuple(_values(spec.changes, kind))


def last(spec: AppSpec, kind: ChangeKind) -> str:
    return next(reversed(values(spec, kind)), "")


def _values(changes: tuple[Change, ...], kind: ChangeKind) -> Iterator[str]:
    return (change.value for change in changes if change.kind is kind)


def _name(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line.partition(" --hash")[0]).name)
    except InvalidRequirement:
        return ""
