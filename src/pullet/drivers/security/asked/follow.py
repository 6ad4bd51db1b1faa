"""Question: {tree, paths}. Answer: for each path why it was not followed (empty: it was), and its traces as lists of
[kind, origin, sink, function, lines, end line]."""

from __future__ import annotations

import ast
import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

from pullet.analysis.security.flow.following import TooMuch, traces
from pullet.drivers.security.asked.files import LIMIT, Unread, read

_LOOKED_AT = 20 << 20  # bytes: a table of data of that size names no framework
_FRAMEWORK = re.compile(rb"\b(flask|quart|django|rest_framework|fastapi|starlette)\b")


def main() -> None:
    sys.setrecursionlimit(3000)
    question = json.load(sys.stdin)
    json.dump([_followed(Path(question["tree"]), path) for path in question["paths"]], sys.stdout)


def _followed(tree: Path, path: str) -> tuple[str, list[Any]]:
    try:
        data = read(tree, path, _LOOKED_AT)
        if not _FRAMEWORK.search(data):
            return "", []  # there is no request in it
        if len(data) > LIMIT:
            return f"more than {LIMIT >> 20} MB", []
        found = traces(ast.parse(data))
    except Unread as err:
        return str(err), []
    except TooMuch:
        return "it takes too long to follow", []
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        return f"Python {platform.python_version()}, which Pullet runs on, cannot read it: {err}"[:200], []
    return "", [[each.kind, each.origin, each.sink, each.function, each.steps, each.end_line] for each in found]


if __name__ == "__main__":
    main()
