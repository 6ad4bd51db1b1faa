"""JUnit's XML: read from whoever wrote it, and written for whoever wants it. Pure.

There is no standard, only what Ant's task began; rows are `testcase` elements wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from pullet.domain.errors import MalformedData
from pullet.domain.testing import MESSAGE_LIMIT, Case, Column, Result, Status, Tested, shortened

SIZE_LIMIT = 16 << 20  # characters of one file
_DEPTH = 50
_ROWS = 100_000
_NAME = 1_000  # characters of an id
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0, even escaped
_VERDICTS = {"failure": Status.FAIL, "error": Status.ERROR, "skipped": Status.SKIP}
_RANK = (Status.PASS, Status.SKIP, Status.FAIL, Status.ERROR)


def read_junit(text: str) -> tuple[Result, ...]:
    """The rows of one file.

    Raises MalformedData for what is no XML, has a document type (entities), or is over a limit: 16 million characters,
    50 levels, 100,000 rows.
    """
    if len(text) > SIZE_LIMIT:
        raise MalformedData(f"The JUnit file has more than {SIZE_LIMIT} characters")
    reader = _Reader()
    try:
        reader.parse(text)
    except (expat.ExpatError, UnicodeEncodeError) as err:
        raise MalformedData("The JUnit file is no XML", context=str(err)) from err
    return tuple(reader.results)


def merged(files: Sequence[tuple[Result, ...]]) -> tuple[Result, ...]:
    """The rows of several files, each id once: of several results of one test the worst counts."""
    found: dict[str, Result] = {}
    for result in (each for results in files for each in results):
        known = found.get(result.case.id)
        if known is None or _RANK.index(result.status) > _RANK.index(known.status):
            found[result.case.id] = result
    return tuple(found.values())


def fits(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern such as `reports/*.xml`; `**` stands for any number of folders."""
    return _fits(path.split("/"), pattern.split("/"))


def _fits(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not path:
        return not path and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return any(_fits(path[start:], pattern[1:]) for start in range(len(path) + 1))
    return fnmatchcase(path[0], pattern[0]) and _fits(path[1:], pattern[1:])


@dataclass
class _Reader:
    """Expat's handlers. Nothing is kept but rows, so a file costs no more than what it says."""

    results: list[Result] = field(default_factory=list)
    _depth: int = 0
    _case: Mapping[str, str] | None = None
    _status: Status = Status.PASS
    _message: list[str] = field(default_factory=list)
    _left: int = 0
    """Characters of the message that are still wanted; 0: none are."""

    def parse(self, text: str) -> None:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(text, True)

    def _doctype(self, *_: object) -> None:
        raise MalformedData("The JUnit file has a document type", hint="Entities are not followed; leave it out.")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH or len(self.results) >= _ROWS:
            raise MalformedData(f"The JUnit file has more than {_DEPTH} levels, or {_ROWS} rows")
        if name == "testcase":
            self._case, self._status, self._message, self._left = attributes, Status.PASS, [], 0
        elif self._case is not None and name in _VERDICTS:
            self._judged(_VERDICTS[name], attributes.get("message", ""))

    def _judged(self, status: Status, message: str) -> None:
        if _RANK.index(status) >= _RANK.index(self._status):
            self._status, self._message = status, [message[:MESSAGE_LIMIT]]
            self._left = 2 * MESSAGE_LIMIT

    def _characters(self, text: str) -> None:
        if self._left:
            self._message.append(text[: self._left])
            self._left = max(0, self._left - len(text))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name in _VERDICTS:
            self._left = 0
        if name == "testcase" and self._case is not None:
            self.results.append(_result(self._case, self._status, self._message))
            self._case = None


def _result(given: Mapping[str, str], status: Status, message: Sequence[str]) -> Result:
    first, *rest = message or [""]
    body = "".join(rest).strip()
    text = body if first in body else f"{first}\n{body}".strip()
    name = ".".join(filter(None, (given.get("classname", ""), given.get("name", "")))) or "unnamed"
    case = Case(name[:_NAME], given.get("file", "")[:_NAME], _whole(given.get("line", "")))
    return Result(case, status, _seconds(given.get("time", "")), shortened(text) if status is not Status.PASS else "")


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _seconds(text: str) -> float:
    """Some write thousands with a comma."""
    plain = text.replace(",", "")
    return float(plain) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", plain) else 0.0


def junit_xml(tested: Tested) -> str:
    """One `testsuite` a column. What is expected to fail is skipped, so that readers see red where the gate does."""
    suites = [line for column in tested.columns for line in _suite(column)]
    return "\n".join(('<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", *suites, "</testsuites>", ""))


def _suite(column: Column) -> Iterator[str]:
    kinds = [_kind(result) for result in column.results]
    troubles = 1 if column.trouble else 0
    counts = {
        "tests": len(kinds) + troubles,
        "failures": kinds.count("failure"),
        "errors": kinds.count("error") + troubles,
        "skipped": kinds.count("skipped"),
    }
    numbers = " ".join(f'{name}="{count}"' for name, count in counts.items())
    yield f'<testsuite name={_quoted(column.name)} {numbers} time="{column.duration:.3f}">'
    for result, kind in zip(column.results, kinds, strict=True):
        yield from _testcase(column.name, result, kind)
    if column.trouble:
        yield f"<testcase classname={_quoted(column.name)} name={_quoted(column.name)}>"
        yield f"<error message={_quoted(column.trouble)}>{_escaped(column.hint)}</error></testcase>"
    yield "</testsuite>"


def _testcase(column: str, result: Result, kind: str) -> Iterator[str]:
    owner, _, name = result.case.id.rpartition("::")
    place = f" file={_quoted(result.case.path)}" if result.case.path else ""
    place += f' line="{result.case.line}"' if result.case.line else ""
    group = _quoted(f"{column}.{owner.replace('/', '.').replace('::', '.')}".rstrip("."))
    head = f'<testcase classname={group} name={_quoted(name)}{place} time="{result.duration:.3f}"'
    if not kind:
        yield f"{head}/>"
        return
    yield f"{head}><{kind} message={_quoted(_headline(result))}>{_escaped(result.message)}</{kind}></testcase>"


def _kind(result: Result) -> str:
    """The element that says what became of it; empty: it passed."""
    if result.as_expected:
        return "" if result.status is Status.PASS else "skipped"
    return "failure" if result.status in (Status.FAIL, Status.PASS) else "error"


def _headline(result: Result) -> str:
    expected = f", expected {' or '.join(result.expected)}" if result.expected else ""
    flaky = ", flaky" if result.flaky else ""
    first = result.message.strip().splitlines()[-1:] or [""]
    return f"{result.status}{expected}{flaky}: {first[0]}".rstrip(": ")


def _quoted(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\ufffd", text))


def _escaped(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))
