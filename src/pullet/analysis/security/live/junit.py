"""What schemathesis reports: cases of a JUnit file, already taken apart, as findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pullet.analysis.security.live.exchanges import Exchange, Request
from pullet.analysis.security.live.rules import Hit

_OPERATION = re.compile(r"\A(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|QUERY) (/\S*)")
_SERVER_ERROR = re.compile(r"server error", re.IGNORECASE)
_POINT = re.compile(r"^- (.{3,200})$", re.MULTILINE)
"""Each failure of a case is a line `- Server error`."""


def hits(cases: Sequence[Mapping[str, str]]) -> Iterator[Hit]:
    """`cases`: name, `GET /orders/{id}`, and the texts of its failures."""
    for case in cases:
        operation = _OPERATION.match(case["name"])
        if operation is None:
            continue
        method, path = operation.groups()
        seen = Exchange(Request(method, path), 0)
        points = list(dict.fromkeys(_POINT.findall(case["text"])))
        for point in points[:20]:
            if _SERVER_ERROR.search(point):
                yield Hit("server-error", seen, point, path)
            else:
                yield Hit("schema", seen, point, f"{method} {path}: {point}")
