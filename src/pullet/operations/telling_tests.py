"""What tests said, as a terminal, another program or a reader of a page wants it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pullet import __version__
from pullet.analysis.testing.comparing import Change, Comparison, compared, reasons_to_hold_back, slowdown
from pullet.analysis.testing.history import flaky_by_history, history
from pullet.analysis.testing.junit import junit_xml
from pullet.analysis.testing.wptreport import wptreport
from pullet.domain.codec import to_json
from pullet.domain.errors import NotFound
from pullet.domain.testing import Column, Kept, Result, Status, Tested

Colour = Callable[..., str]
_COLOURS = {
    Status.PASS: "green",
    Status.FAIL: "red",
    Status.ERROR: "red",
    Status.TIMEOUT: "magenta",
    Status.CRASH: "magenta",
    Status.SKIP: "bright_black",
}
_LINES = 12  # of a message in a terminal
_TELLS = 0.005  # seconds of a test from which on a ratio means something
_SHOWN = 50  # tests that a terminal tells of
_REVISIONS = 20  # in the history's table


@dataclass(frozen=True)
class Report:
    """Of one revision, with what it is compared with."""

    app: str
    now: Tested
    parent: Tested | None = None
    """Of the release before."""
    base: Tested | None = None
    """Of what was live, or of the branch that it is to be merged into."""
    release: int = 0


def report_of(kept: Kept) -> Report:
    """Of the release at the front."""
    now = kept.runs[0]
    parent = kept.runs[1].tested if len(kept.runs) > 1 else None
    return Report(kept.app, now.tested, parent, kept.base or parent, now.release)


def rendered(report: Report, form: str, colour: Colour) -> str:
    """`form`: text, json, html, junit or wptreport, of which one text holds the first column only."""
    match form:
        case "json":
            return json_text(report)
        case "html":
            return html(report)
        case "junit":
            return junit_xml(report.now)
        case "wptreport":
            return wptreport(report.now, report.now.columns[0])
    return text(report, colour)


def exit_code(report: Report) -> int:
    """3: a column could not run; 1: a test fails that did not before."""
    if any(column.trouble for column in report.now.columns):
        return 3
    return 1 if reasons_to_hold_back(report.now, report.base) else 0


def history_text(test: str, kept: Kept, colour: Colour) -> str:
    """A line a release and column, the newest first. Raises NotFound."""
    points = history(test, [run.tested for run in kept.runs])
    if not points:
        raise NotFound(f"No release had a test {test!r}", hint="Name it as `pullet tests APP --format json` does.")
    flaky = flaky_by_history([run.tested for run in kept.runs])
    lines = [
        f"{colour(str(point.result.status), _COLOURS[point.result.status])} {point.column} {point.revision}"
        f" {_seconds(point.result.duration)}" + (" flaky" if point.result.flaky else "")
        for point in points
    ]
    wavering = sorted({column for column, name in flaky if name == test})
    return "\n".join((*lines, *(f"It changes its mind in {column}." for column in wavering)))


def json_text(report: Report) -> str:
    """Stable: `green`, `held_back`, `columns` with their results, and what changed by name of the column and test."""
    told = to_json(report.now)
    assert isinstance(told, dict)
    held = reasons_to_hold_back(report.now, report.base)
    changes = {"parent": _names(compared(report.now, report.parent)), "base": _names(compared(report.now, report.base))}
    kept = {key: value for key, value in told.items() if key != "columns"}
    columns = [_column_data(column, report.now.column("cpython")) for column in report.now.columns]
    return json.dumps(
        {
            **kept,
            "app": report.app,
            "green": report.now.green,
            "held_back": held,
            "changes": changes,
            "columns": columns,
        },
        indent=2,
    )


def _column_data(column: Column, reference: Column | None) -> dict[str, Any]:
    told = to_json(column)
    assert isinstance(told, dict)
    results = [
        {**_plain(each), "flaky": each.flaky, "as_expected": each.as_expected, "bad": each.bad}
        for each in column.results
    ]
    return {**told, "green": column.green, "slowdown": slowdown(column, reference), "results": results}


def _plain(result: Result) -> dict[str, Any]:
    told = to_json(result)
    assert isinstance(told, dict)
    case = told.pop("case")
    assert isinstance(case, dict)
    return {**case, **told}


def _names(comparison: Comparison) -> dict[str, list[list[str]]]:
    return {
        name: [[change.column, change.test] for change in getattr(comparison, name)]
        for name in ("newly_failing", "still_failing", "newly_passing", "new", "gone", "newly_flaky")
    }


def text(report: Report, colour: Colour) -> str:
    """What is bad first, then a line a column."""
    told = [(column, result) for column, result in report.now.results() if result.bad or result.flaky]
    lines = [line for column, result in told[:_SHOWN] for line in _result_lines(column, result, colour)]
    if len(told) > _SHOWN:
        lines.append(f"… and {len(told) - _SHOWN} more")
    lines += [colour(f"note: {trouble}", "yellow") for trouble in report.now.troubles]
    reference = report.now.column("cpython")
    return "\n".join((*lines, *(_column_line(column, reference, colour) for column in report.now.columns)))


def _result_lines(column: Column, result: Result, colour: Colour) -> Iterator[str]:
    word = "FLAKY" if result.flaky else str(result.status)
    again = f" (then {', '.join(result.again)})" if result.again else ""
    yield f"{colour(word, _COLOURS[result.status])} {column.name} {_printable(result.case.id)}{again}"
    message = result.message.splitlines()
    yield from (f"    {_printable(line)}" for line in message[-_LINES:])


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in line.replace("\t", "    "))


def _column_line(column: Column, reference: Column | None, colour: Colour) -> str:
    counts = Counter(result.status for result in column.results)
    told = ", ".join(f"{counts[status]} {colour(str(status), _COLOURS[status])}" for status in Status if counts[status])
    when = f"as of {column.reused}, as nothing has changed since" if column.reused else f"in {column.duration:.1f} s"
    ratio = slowdown(column, reference) if column is not reference else None
    slower = f", {ratio:.1f} times the time of cpython" if ratio is not None else ""
    trouble = f"\n    {colour('NOT RUN', 'yellow')} {_printable(column.trouble)}" if column.trouble else ""
    hint = f"\n    {colour('hint', 'cyan')} {_printable(column.hint)}" if column.trouble and column.hint else ""
    return f"{column.name}: {told or 'nothing'} {when}{slower}{trouble}{hint}"


@dataclass(frozen=True)
class _Row:
    test: str
    cells: tuple[Result | None, ...]

    @property
    def odd(self) -> bool:
        return any(cell is not None and (cell.bad or cell.flaky) for cell in self.cells)


@dataclass(frozen=True)
class _File:
    path: str
    rows: tuple[_Row, ...]

    @property
    def odd(self) -> int:
        return sum(row.odd for row in self.rows)


def html(report: Report, index: str = "") -> str:
    """One page that needs nothing else. Everything in it is escaped. `index`: where the page of all commits is."""
    now, reference = report.now, report.now.column("cpython")
    return (
        _pages()
        .get_template("tests.html")
        .render(
            report=report,
            now=now,
            when=_when(now),
            held=reasons_to_hold_back(now, report.base),
            files=_files(now),
            slowdowns={column.name: slowdown(column, reference) for column in now.columns if column is not reference},
            counts={column.name: Counter(str(each.status) for each in column.results) for column in now.columns},
            statuses=list(map(str, Status)),
            changes=[
                (title, _groups(compared(now, other)))
                for title, other in (("the release before", report.parent), ("what was live", report.base))
                if other is not None
            ],
            seconds=_seconds,
            headline=_headline,
            ratio=lambda row, cell: _ratio(row, cell, now),
            index=index,
            version=__version__,
        )
    )


def write_wptreport(tested: Tested, file: Path) -> Sequence[Path]:
    """One column: to the file; of several each to a file of its own, as `report-chromium.json`. Blocking."""
    several = len(tested.columns) > 1
    written = []
    for column in tested.columns:
        path = file.with_stem(f"{file.stem}-{column.name}") if several else file
        path.write_text(wptreport(tested, column), "utf-8")
        written.append(path)
    return written


def site(app: str, runs: Sequence[tuple[int, Tested]], folder: Path) -> Sequence[Path]:
    """A page a revision, one of all of them and their tests, to be published as they are. `runs`: the newest first.

    Blocking.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for position, (release, tested) in enumerate(runs):
        before = runs[position + 1][1] if position + 1 < len(runs) else None
        page = folder / f"{release}.html"
        page.write_text(html(Report(app, tested, before, before, release), "index.html"), "utf-8")
        written.append(page)
    index = folder / "index.html"
    index.write_text(_index(app, runs[:_REVISIONS]), "utf-8")
    return (index, *written)


def _index(app: str, runs: Sequence[tuple[int, Tested]]) -> str:
    flaky = flaky_by_history([tested for _, tested in runs])
    seen: dict[tuple[str, str], list[Result | None]] = {}
    for position, (_, tested) in enumerate(runs):
        for column, result in tested.results():
            row = seen.setdefault((column.name, result.case.id), [None] * len(runs))
            row[position] = result
    odd = {key: row for key, row in seen.items() if key in flaky or any(each is not None and each.bad for each in row)}
    return (
        _pages()
        .get_template("tests-index.html")
        .render(
            app=app,
            runs=[(release, tested, _when(tested)) for release, tested in runs],
            counts=lambda column: Counter(str(each.status) for each in column.results),
            statuses=list(map(str, Status)),
            odd=odd,
            flaky=flaky,
            version=__version__,
        )
    )


def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("pullet.operations"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _when(tested: Tested) -> str:
    return f"{datetime.fromtimestamp(tested.at, UTC):%d %B %Y, %H:%M} UTC"


def _files(tested: Tested) -> Sequence[_File]:
    """Rows by file, those with something odd first."""
    known = {column.name: {each.case.id: each for each in column.results} for column in tested.columns}
    tests = {each.case.id: each.case.path for _, each in tested.results()}
    rows: dict[str, list[_Row]] = {}
    for test, path in tests.items():
        rows.setdefault(path or test, []).append(_Row(test, tuple(of.get(test) for of in known.values())))
    files = [_File(path, tuple(each)) for path, each in rows.items()]
    return sorted(files, key=lambda file: not file.odd)


def _groups(comparison: Comparison) -> Sequence[tuple[str, Sequence[Change]]]:
    return [
        (title, changes)
        for title, changes in (
            ("Newly failing", comparison.newly_failing),
            ("Still failing", comparison.still_failing),
            ("Newly passing", comparison.newly_passing),
            ("Newly flaky", comparison.newly_flaky),
            ("New", comparison.new),
            ("Gone", comparison.gone),
        )
        if changes
    ]


def _headline(message: str) -> str:
    """The line that says most: pytest's own word of what went wrong, else the first one."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    said = next((line[1:].strip() for line in lines if line.startswith("E ")), lines[0] if lines else "")
    return said[:160]


def _seconds(duration: float) -> str:
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"


def _ratio(row: _Row, cell: Result, tested: Tested) -> str:
    """How many times the time of CPython, where that took long enough to tell."""
    names = [column.name for column in tested.columns]
    other = row.cells[names.index("cpython")] if "cpython" in names else None
    if other is None or other is cell or other.duration < _TELLS:
        return ""
    return f"{cell.duration / other.duration:.1f}×"
