"""Which Python: .python-version, runtime.txt, requires-python, Poetry's and Pipenv's settings, setup.cfg, setup.py.

A patch release (3.12.1) is asked for as its series (3.12): the series is what code depends on, later patches are
security fixes, and a box rarely has that very one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pullet.analysis.detection.detectors import conda
from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

_SUBJECT = "app.python"
_EXACT = re.compile(r"(?:c?python-)?(3)\.(\d{1,2})(?:\.\d+)?(?:[a-z]+\d*)?", re.IGNORECASE)
_CLAUSE = r"(?:~=|===?|!=|[<>]=?)\s*\d+(?:\.\d+)*(?:\.\*)?"
_RANGE = re.compile(rf"{_CLAUSE}(?:\s*,\s*{_CLAUSE})*")
_CARET = re.compile(r"[\^~](\d+)\.(\d+)(?:\.\d+)*")
_SETUP = re.compile(r"""python_requires {0,9}= {0,9}["']?([<>=!~\d.,* ]{1,60}?)["']? {0,9}(?:[,)\n#]|$)""")


def detect(repository: Repository) -> Iterable[Evidence]:
    for path in (".python-version", "runtime.txt"):
        for number, line in enumerate(repository.text(path).splitlines()[:20], 1):
            if version := _series(line.strip()):
                yield _found(repository, version, path, number, f"asks for {line.strip()}")
                break
    yield from _pyproject(repository)
    yield from _pipfile(repository)
    if named := conda.python_of(repository):
        yield _found(repository, *named, "names python", likely=False)
    for path in ("setup.cfg", "setup.py"):
        if (match := _SETUP.search(repository.text(path))) and (version := _request(match[1])):
            yield _found(
                repository, version, path, repository.line_of(path, match[0]), "has python_requires", likely=False
            )


def _pyproject(repository: Repository) -> Iterable[Evidence]:
    path = "pyproject.toml"
    content = repository.toml(path)
    project, tool = content.get("project"), content.get("tool")
    required = project.get("requires-python") if isinstance(project, dict) else None
    if version := _request(required):
        yield _found(repository, version, path, repository.line_of(path, "requires-python"), "has requires-python")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    dependencies = poetry.get("dependencies") if isinstance(poetry, dict) else None
    if version := _request(dependencies.get("python") if isinstance(dependencies, dict) else None):
        line = repository.line_of(path, "\npython") + 1
        yield _found(repository, version, path, line, "has a Poetry dependency on python")


def _pipfile(repository: Repository) -> Iterable[Evidence]:
    requires = repository.toml("Pipfile").get("requires")
    for key in ("python_full_version", "python_version"):
        if isinstance(requires, dict) and (version := _request(requires.get(key))):
            yield _found(repository, version, "Pipfile", repository.line_of("Pipfile", key), f"has {key}")
            return


def _series(text: str) -> str | None:
    found = _EXACT.fullmatch(text)
    return f"{found[1]}.{found[2]}" if found else None


def _request(text: object) -> str | None:
    """A version or a range in the form that pullet.toml uses."""
    if not isinstance(text, str) or len(text) > 100:
        return None
    text = text.strip()
    if caret := _CARET.fullmatch(text):
        major, minor = int(caret[1]), int(caret[2])
        upper = f"{major + 1}" if text[0] == "^" else f"{major}.{minor + 1}"
        return f">={major}.{minor},<{upper}"
    return _series(text) or (re.sub(r"\s", "", text) if _RANGE.fullmatch(text) else None)


def _found(
    repository: Repository, version: str, path: str, line: int, because: str, *, likely: bool = True
) -> Evidence:
    confidence = Confidence.LIKELY if likely else Confidence.POSSIBLE
    return Evidence(_SUBJECT, version, repository.place(path, line), confidence, "python version", f"{path} {because}")
