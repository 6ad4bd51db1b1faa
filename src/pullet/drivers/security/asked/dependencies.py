"""Question: {tree, files}. Answer: {listed: [Listed], more}; `more`: how many lines there are beyond those."""

from __future__ import annotations

import json
import posixpath
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pullet.analysis.security.listed import (
    Kind,
    Listed,
    is_declaration,
    is_lock,
    is_requirements,
    listed_in,
    lists_dependencies,
)
from pullet.domain.codec import to_json
from pullet.drivers.security.asked.files import Unread, read

_LIMIT = 16 << 20  # bytes of one file
_TOLD = 50_000
_INCLUDED = 200  # files


def main() -> None:
    sys.setrecursionlimit(2000)
    question = json.load(sys.stdin)
    tree, files = Path(question["tree"]), question["files"]
    listed = list(_all(tree, files))
    answer = {
        "listed": [to_json(each) for each in listed[:_TOLD]],
        "more": max(0, len(listed) - _TOLD),
    }
    json.dump(answer, sys.stdout)


def _all(tree: Path, files: Iterable[str]) -> Iterator[Listed]:
    """What a lock answers for is left to it; what files include is read once, and with them."""
    known = frozenset(files)
    locked = {str(PurePosixPath(path).parent) for path in known if is_lock(path)}
    plain = {str(PurePosixPath(path).parent) for path in known if is_requirements(path)}
    queue = [path for path in sorted(known) if lists_dependencies(path) and not _answered_for(path, locked, plain)]
    seen = set(queue)
    for path in queue:
        for each in _read(tree, path):
            if each.kind is not Kind.INCLUDED:
                yield each
                continue
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), each.text))
            if other not in known or len(seen) >= _INCLUDED + len(known):
                yield Listed(Kind.UNREAD, path, each.line, text=f"`{each.text[:200]}` is not in the repository")
            elif other not in seen:
                seen.add(other)
                queue.append(other)


def _answered_for(path: str, locked: set[str], plain: set[str]) -> bool:
    if not is_declaration(path):
        return False
    pure = PurePosixPath(path)
    if any(str(folder) in locked for folder in pure.parents):
        return True
    return pure.name.startswith("setup.") and str(pure.parent) in plain


def _read(tree: Path, path: str) -> Iterable[Listed]:
    try:
        return listed_in(path, read(tree, path, _LIMIT))
    except Unread as err:
        return (Listed(Kind.UNREAD, path, text=str(err)),)


if __name__ == "__main__":
    main()
