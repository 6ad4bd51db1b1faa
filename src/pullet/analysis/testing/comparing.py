"""Two runs of the tests, side by side: what a change did to them, and whether it may pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pullet.domain.testing import Column, Result, Tested

_ALIKE = 0.001  # seconds: below that a duration says nothing of a runtime's speed


@dataclass(frozen=True)
class Change:
    """One test in one column, before and after."""

    column: str
    before: Result | None
    """None: it was not there."""
    after: Result | None
    """None: it is gone."""

    @property
    def test(self) -> str:
        result = self.after or self.before
        assert result is not None
        return result.case.id


@dataclass(frozen=True)
class Comparison:
    """Of what is now with what was. Flaky results count as neither good nor bad."""

    newly_failing: tuple[Change, ...] = ()
    """It is bad, and was not, or was not there."""
    still_failing: tuple[Change, ...] = ()
    newly_passing: tuple[Change, ...] = ()
    new: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()
    newly_flaky: tuple[Change, ...] = ()


def compared(now: Tested, before: Tested | None) -> Comparison:
    """`before` None: everything is new. A column that was not there, or had trouble, is compared with nothing."""
    found: dict[str, list[Change]] = {}
    for column in now.columns:
        earlier = before.column(column.name) if before is not None else None
        known = {each.case.id: each for each in earlier.results} if earlier is not None else {}
        for result in column.results:
            change = Change(column.name, known.pop(result.case.id, None), result)
            for kind in _kinds(change):
                found.setdefault(kind, []).append(change)
        if not column.trouble:
            found.setdefault("gone", []).extend(Change(column.name, each, None) for each in known.values())
    return Comparison(**{kind: tuple(changes) for kind, changes in found.items()})


def _kinds(change: Change) -> Sequence[str]:
    before, after = change.before, change.after
    assert after is not None
    was_bad = before is not None and before.bad
    kinds = ["new"] if before is None else []
    if after.bad:
        kinds.append("still_failing" if was_bad else "newly_failing")
    elif was_bad and not after.flaky:
        kinds.append("newly_passing")
    if after.flaky and not (before is not None and before.flaky):
        kinds.append("newly_flaky")
    return kinds


def reasons_to_hold_back(now: Tested, before: Tested | None) -> tuple[str, ...]:
    """Why the gate holds the revision back; empty: it passes. Whatever could not run is no pass."""
    if not now.columns:
        return ("nothing was run",)
    reasons = [f"{column.name} could not run: {column.trouble}" for column in now.columns if column.trouble]
    reasons += [f"{column.name} found no tests" for column in now.columns if not column.results and not column.trouble]
    for change in compared(now, before).newly_failing:
        assert change.after is not None
        reasons.append(f"{change.after.status} {change.column} {change.test}")
    return tuple(reasons)


def slowdown(column: Column, reference: Column | None) -> float | None:
    """How much longer the tests took than in the reference, all those together that ran in both; None: nobody can
    tell."""
    pairs = _pairs(column, reference)
    took = sum(other for _, other in pairs)
    return sum(one for one, _ in pairs) / took if took >= _ALIKE else None


def typical_slowdown(column: Column, reference: Column | None) -> float | None:
    """The median of the tests that take long enough to tell."""
    ratios = [one / other for one, other in _pairs(column, reference) if other >= _ALIKE]
    return median(ratios) if ratios else None


def _pairs(column: Column, reference: Column | None) -> list[tuple[float, float]]:
    if reference is None:
        return []
    known: Mapping[str, Result] = {each.case.id: each for each in reference.results}
    both = [(each, known[each.case.id]) for each in column.results if each.case.id in known]
    return [(one.duration, other.duration) for one, other in both if one.status.value == other.status.value == "PASS"]
