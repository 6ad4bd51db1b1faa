"""Which files are the tests of an app, and are served to nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_NAMED = re.compile(r"(test_.*|.*_test|conftest)\.py", re.DOTALL)
_FOLDERS = frozenset({"test", "tests", "testing"})


class NotServed:
    """Of these files. A folder called `tests` holds tests where a file in it is named like one: it may be an app for
    exams as well."""

    def __init__(self, files: Iterable[str]) -> None:
        named = [PurePosixPath(path) for path in files if _NAMED.fullmatch(PurePosixPath(path).name)]
        self._folders = {folder for path in named for folder in path.parents if folder.name in _FOLDERS}

    def has(self, path: str) -> bool:
        pure = PurePosixPath(path)
        return bool(_NAMED.fullmatch(pure.name)) or not self._folders.isdisjoint(pure.parents)
