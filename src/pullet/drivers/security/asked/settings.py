"""Question: {tree, root, files, module, variables, frameworks}. Answer: {findings, read, there, missed}."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pullet.analysis.security.settings.calls import call_findings
from pullet.analysis.security.settings.checks import django_findings, unsure
from pullet.analysis.security.settings.modules import module_path, read_settings
from pullet.domain.codec import to_json
from pullet.domain.security import Finding
from pullet.drivers.security.asked.files import Unread, read
from pullet.drivers.security.asked.served import served

_TESTS = re.compile(r"(^|/)(tests?|testing|docs)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_SPEAKS = re.compile(rb"flask|fastapi|starlette|litestar|jwt", re.IGNORECASE)


class Look:
    """One repository."""

    def __init__(self, question: dict[str, Any]) -> None:
        self._tree = Path(question["tree"])
        self._files = question["files"]
        self._variables = question["variables"]
        self._frameworks = frozenset(question["frameworks"])
        self._module = question["module"]
        self._root = question["root"]
        self.findings: list[Finding] = []
        self.missed: dict[str, str] = {}
        self.read: set[str] = set()
        self._text = cache(self._open)

    def answer(self) -> dict[str, Any]:
        if "django" in self._frameworks:
            self._django()
        self._others()
        there = len(self.read) + len(self.missed)
        return {
            "findings": [to_json(finding) for finding in self.findings],
            "read": len(self.read),
            "there": there,
            "missed": sorted(self.missed.items())[:100],
        }

    def _open(self, path: str) -> str | None:
        if path not in self._files:
            return None
        try:
            return read(self._tree, path).decode("utf-8-sig")
        except (Unread, UnicodeDecodeError) as err:
            self.missed[path] = str(err)[:200]
            return None

    def _django(self) -> None:
        found = list(self._served())
        for module, root in found[:1]:
            path = module_path(module, root, self._text)
            if path is None:
                self.missed[module] = "the settings that are served are not in the repository"
                continue
            settings = read_settings(path, root, self._variables, self._text)
            self.read |= {each for each in settings.read if each not in settings.unread}
            self.missed |= {**settings.unread, **unsure(settings)}
            self.findings += django_findings(settings, path)

    def _served(self) -> Iterator[tuple[str, str]]:
        """(module, folder that imports begin at): as it is told, else as manage.py or a WSGI module says."""
        root = "" if self._root == "." else self._root
        if self._module:
            yield self._module, root
        yield from served(self._files, root, self._text)

    def _others(self) -> None:
        for path in self._files:
            if not path.endswith(".py") or _TESTS.search(path):
                continue
            text = self._text(path)
            if text is None or not _SPEAKS.search(text.encode("utf-8", "replace")):
                continue
            try:
                self.findings += call_findings(text, path, self._variables, self._frameworks)
                self.read.add(path)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
                self.missed[path] = f"{type(err).__name__}: {err}"[:200]


def main() -> None:
    sys.setrecursionlimit(2000)
    json.dump(Look(json.load(sys.stdin)).answer(), sys.stdout)


if __name__ == "__main__":
    main()
