"""Question: {tree, paths}. Answer: for each path whether the file holds nothing but comments and a docstring."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from pullet.drivers.security.asked.files import Unread, read


def main() -> None:
    question = json.load(sys.stdin)
    json.dump([_is_bare(Path(question["tree"]), path) for path in question["paths"]], sys.stdout)


def _is_bare(tree: Path, path: str) -> bool:
    try:
        body = ast.parse(read(tree, path)).body
    except (Unread, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in body)


if __name__ == "__main__":
    main()
