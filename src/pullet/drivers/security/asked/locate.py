"""Question: {tree, spots: [[path, [line, …]], …]}. Answer: one list a path, of [function, code, end line]; null where
the file could not be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pullet.analysis.security.locating import locate
from pullet.drivers.security.asked.files import Unread, read


def main() -> None:
    sys.setrecursionlimit(2000)
    question = json.load(sys.stdin)
    tree = Path(question["tree"])
    answers: list[list[tuple[str, str, int]] | None] = []
    for path, lines in question["spots"]:
        try:
            data = read(tree, path)
        except Unread:
            answers.append(None)
            continue
        answers.append([(found.function, found.code, found.end_line) for found in locate(data, lines)])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
