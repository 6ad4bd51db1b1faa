"""An assessment as one page for people, to keep or to hand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from pullet import __version__
from pullet.analysis.security.asvs import REQUIREMENTS, standing
from pullet.analysis.security.categories import categories, categories_2021
from pullet.analysis.security.judging import holds_back
from pullet.analysis.security.materials import materials
from pullet.analysis.security.review import BY_HAND
from pullet.analysis.security.weaknesses import weakness
from pullet.domain.security import Assessed, Assessment, Finding, PartState, Severity, Tick

_BARS = 30  # releases that the chart shows
_SHOWN = [severity for severity in Severity if severity is not Severity.NOTE]
_BELOW = 104.0  # where bars stand, in the chart's units from its top
_TALLEST = 88.0
_STEP = 24


@dataclass(frozen=True)
class Point:
    """One release of the trend."""

    release: int
    state: PartState
    counts: tuple[int, ...]
    """Findings that can hold back, by severity, the worst first."""
    review: int


@dataclass(frozen=True)
class Piece:
    """Of a bar, in the chart's units."""

    severity: Severity
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    point: Point
    x: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Chart:
    width: int
    most: int
    """Findings that the tallest bar stands for."""
    bars: tuple[Bar, ...]


def html(found: Assessed) -> str:
    """One page that needs nothing else: no script, no request. Everything in it is escaped."""
    environment = Environment(
        loader=PackageLoader("pullet.operations"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    now = found.newest
    blocking = [finding for finding in now.new if holds_back(finding, now.fail_on)]
    trend = [_point(found.release, now), *(_point(each.release, each.assessment) for each in found.earlier)]
    return environment.get_template("assessment.html").render(
        found=found,
        now=now,
        when=f"{datetime.fromtimestamp(now.assessed, UTC):%d %B %Y, %H:%M} UTC",
        words={str(state): str(state).replace("-", " ") for state in PartState},
        blocking=blocking,
        gaps=[part for part in now.parts if part.state is PartState.NOT_ASSESSED],
        groups=_groups(now, blocking),
        top_tens=(("2025", categories(now)), ("2021", categories_2021(now))),
        other_ticks=_beside(now.reviewed),
        standing=standing(now),
        requirements=len(REQUIREMENTS),
        materials=materials(now.document),
        advisories=next((part.report.data for part in now.parts if part.report.part == "dependencies"), ""),
        weakness=weakness,
        trend=trend,
        chart=_chart(trend[::-1]),
        shown=_SHOWN,
        version=__version__,
    )


def _groups(assessment: Assessment, blocking: Sequence[Finding]) -> Sequence[tuple[str, Sequence[Finding]]]:
    return (
        ("Holds the release back", blocking),
        ("New, for review", [finding for finding in assessment.new if finding not in blocking]),
        ("Known before", assessment.known),
    )


def _beside(ticks: Sequence[Tick]) -> Sequence[Tick]:
    """Those of requirements that the table by category does not ask for."""
    asked = {number for rows in BY_HAND.values() for number, _ in rows}
    return [tick for tick in ticks if tick.requirement not in asked]


def _point(release: int, assessment: Assessment) -> Point:
    counts = Counter(finding.severity for finding in assessment.findings if finding.blocks)
    review = sum(not finding.blocks for finding in assessment.findings)
    return Point(release, assessment.state, tuple(counts[each] for each in _SHOWN), review)


def _chart(points: Sequence[Point]) -> Chart:
    """Bars of the newest releases, the oldest first."""
    shown = points[-_BARS:]
    most = max(1, *(sum(point.counts) for point in shown))
    bars = tuple(Bar(point, _STEP * number, _pieces(point, most)) for number, point in enumerate(shown, 1))
    return Chart(_STEP * (len(shown) + 2), most, bars)


def _pieces(point: Point, most: int) -> tuple[Piece, ...]:
    """The worst at the bottom, where bars can be compared."""
    pieces, y = [], _BELOW
    for severity, count in zip(_SHOWN, point.counts, strict=True):
        height = _TALLEST * count / most
        y -= height
        if count:
            pieces.append(Piece(severity, round(y, 1), round(height, 1)))
    return tuple(pieces)
