"""A failed step's output as values: its lines without stamps, and the exceptions in it, the last first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pullet.analysis.diagnosis.facts import Facts

_LINES = 600  # looked at, from the end: output is hostile and may be long
_WIDTH = 2000  # characters of a line
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")
_EXCEPTION = re.compile(
    r"([A-Za-z_][\w.]{0,200}?(?:Error|Exception|Configured|NotFound|Exists|Halt|UndefinedTable))(?:: (.*))?"
)
_FRAME = re.compile(r'File "([^"]{1,500})", line (\d+)')
_DECORATION = re.compile(r"^[\s|│]*(?:E\s{2,})?")
_OF_PULLET = re.compile(r"runtime/(boot|shim)\.py$")


@dataclass(frozen=True)
class Caught:
    """One exception of a traceback."""

    type: str
    """Without its module."""
    message: str
    file: str
    """Of the innermost frame; empty where no traceback was seen."""

    @property
    def in_library(self) -> bool:
        return "site-packages/" in self.file


@dataclass(frozen=True)
class Failure:
    step: str
    output: str
    facts: Facts

    @cached_property
    def lines(self) -> Sequence[str]:
        return [_STAMP.sub("", line)[:_WIDTH] for line in self.output.splitlines()[-_LINES:]]

    @cached_property
    def text(self) -> str:
        return "\n".join(self.lines)

    @cached_property
    def exceptions(self) -> Sequence[Caught]:
        """The last first: of a chain that is the outermost, its causes come after it."""
        return list(_exceptions(self.lines))[::-1]


def _exceptions(lines: Sequence[str]) -> Iterator[Caught]:
    file = ""
    for line in lines:
        bare = _DECORATION.sub("", line)
        if frame := _FRAME.search(bare):
            file = file if _OF_PULLET.search(frame[1]) else frame[1]
        elif bare.startswith("Traceback (most recent"):
            file = ""
        elif found := _EXCEPTION.fullmatch(bare.rstrip()):
            yield Caught(found[1].rpartition(".")[2], found[2] or "", file)
