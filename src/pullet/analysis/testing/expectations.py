"""`.pullet/expectations.toml`: tests that are known not to pass in a runtime, with a reason and a date.

They are the app's own, and hold for the commit that has them: a commit that expects a failure says so where everybody
reads it.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pullet.domain.errors import ConfigError
from pullet.domain.testing import Column, Result, Status, Tested

EXPECTATIONS_FILE = ".pullet/expectations.toml"
LIMIT = 1 << 20  # characters
_KEYS = ("test", "columns", "status", "reason", "expires")
_EXAMPLE = """\
[[expect]]
test = "tests/test_clock.py::test_zones"     # or a pattern, as tests/test_clock.py::*
columns = ["chromium", "node"]               # without it: all
status = "FAIL"                              # or several
reason = "the runtime brings no time zones"
expires = 2027-06-30
"""


@dataclass(frozen=True)
class Expectation:
    test: str
    """An id, or a pattern as `fnmatch` takes them."""
    columns: tuple[str, ...]
    """Empty: all."""
    status: tuple[Status, ...]
    reason: str
    expires: date
    line: int
    """Of the file, from 1."""

    def speaks_of(self, column: str, test: str) -> bool:
        return (not self.columns or column in self.columns) and _matches(self.test, test)


def _matches(pattern: str, test: str) -> bool:
    """Brackets of parameters are no sets of letters."""
    return pattern == test or fnmatch.fnmatchcase(test, pattern.replace("[", "[[]"))


def parse_expectations(text: str) -> tuple[Expectation, ...]:
    """Raises ConfigError that says which entry and what about it."""
    if len(text) > LIMIT:
        raise ConfigError(f"{EXPECTATIONS_FILE} is longer than {LIMIT >> 20} MB")
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        raise ConfigError(f"{EXPECTATIONS_FILE} is not TOML: {err}", hint=f"An entry is:\n{_EXAMPLE}") from err
    entries = data.get("expect", [])
    if set(data) - {"expect"} or not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ConfigError(f"{EXPECTATIONS_FILE}: write [[expect]], and nothing else", hint=_EXAMPLE)
    heads = [n for n, line in enumerate(text.splitlines(), 1) if line.split("#")[0].strip() == "[[expect]]"]
    return tuple(_entry(entry, heads[number] if number < len(heads) else 0) for number, entry in enumerate(entries))


def applied(tested: Tested, expectations: Sequence[Expectation], today: date) -> Tested:
    """With what was expected of each result, and what is wrong with the expectations themselves."""
    held = [each for each in expectations if each.expires >= today]
    columns = tuple(replace(column, results=_of(column, held)) for column in tested.columns)
    whole = all(not column.trouble for column in columns)
    troubles = (*_expired(expectations, today), *(_idle(held, columns) if whole else ()))
    return replace(tested, columns=columns, troubles=(*tested.troubles, *troubles))


def expected_in(column: str, expectations: Iterable[Expectation], today: date) -> Callable[[Result], bool]:
    """Whether a result of that column is no news."""
    held = [each for each in expectations if each.expires >= today]

    def expects(result: Result) -> bool:
        return replace(result, expected=_expected(column, result.case.id, held)).as_expected

    return expects


def _of(column: Column, held: Sequence[Expectation]) -> tuple[Result, ...]:
    return tuple(replace(each, expected=_expected(column.name, each.case.id, held)) for each in column.results)


def _expected(column: str, test: str, held: Iterable[Expectation]) -> tuple[Status, ...]:
    return next((each.status for each in held if each.speaks_of(column, test)), ())


def _expired(expectations: Iterable[Expectation], today: date) -> Iterable[str]:
    for each in expectations:
        if each.expires < today:
            yield f"{EXPECTATIONS_FILE}:{each.line}: what is said of {each.test} expired on {each.expires}"


def _idle(held: Iterable[Expectation], columns: Sequence[Column]) -> Iterable[str]:
    """An expectation that nothing meets any more would hide the same failure, were it to come back."""
    for each in held:
        if each.columns and not any(column.name in each.columns for column in columns):
            continue  # this run had none of them
        spoken = [r for column in columns for r in column.results if each.speaks_of(column.name, r.case.id)]
        if not spoken:
            yield f"{EXPECTATIONS_FILE}:{each.line}: there is no test {each.test}"
        elif not any(result.status in each.status for result in spoken):
            yield f"{EXPECTATIONS_FILE}:{each.line}: {each.test} ends otherwise now; remove the entry"


def _entry(entry: Mapping[str, Any], line: int) -> Expectation:
    where = f"{EXPECTATIONS_FILE}:{line}: [[expect]]"
    if unknown := sorted(set(entry) - set(_KEYS)):
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}", hint=f"Known: {', '.join(_KEYS)}.")
    for key in ("test", "reason"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ConfigError(f'{where} needs {key} = "…"', hint=f"An entry is:\n{_EXAMPLE}")
    if type(entry.get("expires")) is not date:
        raise ConfigError(f"{where} needs expires = 2027-06-30, a date without quotes")
    names = _texts(entry.get("status"), where, "status")
    if unknown := [name for name in names if name not in Status.__members__]:
        raise ConfigError(f"{where}: {unknown[0]!r} is no status", hint=f"There are {', '.join(Status)}.")
    columns = _texts(entry["columns"], where, "columns") if "columns" in entry else ()
    statuses = tuple(Status(name) for name in names)
    return Expectation(entry["test"], columns, statuses, entry["reason"], entry["expires"], line)


def _texts(value: object, where: str, key: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
        raise ConfigError(f'{where} needs {key} = "…", or a list of such')
    return tuple(texts)
