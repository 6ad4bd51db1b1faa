"""A test over the commits that went before: what it ended in, and whether it changes its mind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pullet.domain.testing import Result, Tested

_TURNS = 3  # changes between good and bad among the newest
_NEWEST = 10


@dataclass(frozen=True)
class Point:
    revision: str
    at: float
    """Seconds since the epoch."""
    column: str
    inputs: str
    result: Result


def history(test: str, runs: Sequence[Tested]) -> tuple[Point, ...]:
    """`runs`: the newest first, and so are the points."""
    return tuple(
        Point(tested.revision, tested.at, column.name, column.inputs, result)
        for tested in runs
        for column, result in tested.results()
        if result.case.id == test
    )


def flaky_by_history(runs: Sequence[Tested]) -> frozenset[tuple[str, str]]:
    """(column, test) of those that ended otherwise with equal inputs, or that turned again and again."""
    points: dict[tuple[str, str], list[Point]] = {}
    for tested in runs:
        for column, result in tested.results():
            point = Point(tested.revision, tested.at, column.name, column.inputs, result)
            points.setdefault((column.name, result.case.id), []).append(point)
    return frozenset(key for key, each in points.items() if _wavers(each))


def _wavers(points: Sequence[Point]) -> bool:
    if any(point.result.flaky for point in points):
        return True
    seen: dict[str, bool] = {}
    for point in points:
        good = point.result.status.good
        if point.inputs and seen.setdefault(point.inputs, good) != good:
            return True
    return sum(_turns(points[:_NEWEST])) >= _TURNS


def _turns(points: Sequence[Point]) -> Iterator[bool]:
    for later, earlier in pairwise(points):
        yield later.result.status.good != earlier.result.status.good
