"""Question: {tree, root, files}. Answer: {module, folder, speaks}: which of Django's settings are served, as the app's
modules for servers or manage.py say, and the folder that imports begin at; `speaks`: whether any of them names some, or
cannot be read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from pullet.analysis.security.settings.modules import module_path
from pullet.drivers.security.asked.files import Unread, read

ENTRIES = ("wsgi.py", "asgi.py", "manage.py")
"""The surest first: developers start manage.py, visitors never."""
_VARIABLE = "DJANGO_SETTINGS_MODULE"
_NAMED = re.compile(rf"""{_VARIABLE}['"]\s*(?:,|\]\s*=)\s*['"]([\w.]{{1,200}})['"]""")


def served(files: Iterable[str], root: str, text: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """(module, folder) of the modules that are there, the most likely first. `root`: of the app, `.` is the top.
    `text`: of a file; None where there is none that can be read."""
    for path in entries(files):
        for named in _NAMED.findall(text(path) or ""):
            for folder in (root, *map(str, PurePosixPath(path).parents)):
                top = "" if folder == "." else folder
                if module_path(named, top, text):
                    yield named, top


def entries(files: Iterable[str]) -> list[str]:
    found = list(files)
    return [path for name in ENTRIES for path in found if PurePosixPath(path).name == name]


def main() -> None:
    question = json.load(sys.stdin)
    tree, files = Path(question["tree"]), frozenset(question["files"])
    unread: set[str] = set()

    @cache
    def text(path: str) -> str | None:
        try:
            return read(tree, path).decode("utf-8-sig") if path in files else None
        except (Unread, UnicodeDecodeError):
            unread.add(path)
            return None

    module, folder = next(served(question["files"], question["root"], text), ("", ""))
    named = entries(files)
    speaks = any(_VARIABLE in (text(path) or "") for path in named) or not unread.isdisjoint(named)
    json.dump({"module": module, "folder": folder, "speaks": speaks}, sys.stdout)


if __name__ == "__main__":
    main()
