"""Which command runs an app's tests, told from its files: evidence, of which one rule chooses. Nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from shlex import quote

from pullet.analysis.detection.decide import decide
from pullet.analysis.detection.repository import Repository, dotted_name, folder_of
from pullet.domain.app import Confidence, Decision, Evidence

SUBJECT = "gates.tests.command"
_PYTEST, _UNITTEST = "pytest", "python -m unittest"
_DETECTOR = "tests"
_MODULE = re.compile(r"(test_.*|.*_test|tests?)\.py")
_CONFIGURATION = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "Pipfile", "manage.py")
_HINTS = ("Makefile", "makefile", "justfile", "noxfile.py", "tox.ini")
_DEVELOPMENT = re.compile(r"(requirements/)?[\w.-]*(dev|test|local|requirements)[\w.-]*\.txt")
_ASIDE = re.compile(r"(^|/)(\.[^/]+|node_modules|site-packages|vendor|venv|env|build|dist|fixtures|data|examples?)/")
_DEPTH = 5  # folders above a test module
_MODULES = 30  # test modules that are read
_SIZE = 60_000  # bytes of one
_TABLES = {
    "pytest.ini": r"\[pytest\]",
    ".pytest.ini": r"\[pytest\]",
    "tox.ini": r"\[pytest\]",
    "setup.cfg": r"\[tool:pytest\]",
    "pyproject.toml": r"\[tool\.pytest(\.ini_options)?\]",
}
_REQUIRED = r"""(?mi)^[ \t]*(?:["'][ \t]*)?{}[ \t]*(?:\[[a-z,]*\])?[ \t]*(?:["'<>=~!;#]|$)"""


def files_with_tests(entries: Sequence[tuple[str, int]], root: str = ".") -> tuple[str, ...]:
    """The paths that `detect_tests` needs, of (path, size in bytes) of every file in the repository."""
    prefix = "" if root == "." else f"{root}/"
    inside = [(path, path[len(prefix) :]) for path, size in entries if path.startswith(prefix) and size <= _SIZE]
    files = [path for path, name in inside if name in (*_CONFIGURATION, *_HINTS) or _DEVELOPMENT.fullmatch(name)]
    manage = [path for path, name in inside if PurePosixPath(name).name == "manage.py" and name.count("/") == 1]
    modules = [path for path, name in inside if _is_module(name)]
    nearest = sorted(modules, key=lambda path: (path.count("/"), path))[:_MODULES]
    return tuple(dict.fromkeys((*files, *manage[:3], *nearest)))


def detect_tests(repository: Repository) -> Decision | None:
    """The command, and on which evidence; None where there are no signs of tests."""
    return decide(SUBJECT, [found for detector in _DETECTORS for found in detector(repository)])


def _is_module(path: str) -> bool:
    fits = _MODULE.fullmatch(PurePosixPath(path).name) is not None
    return fits and path.count("/") <= _DEPTH and path.isprintable() and not _ASIDE.search(path)


def _configured(repository: Repository) -> Iterator[Evidence]:
    for path, table in _TABLES.items():
        if found := re.search(rf"(?m)^\s*{table}", repository.text(path)):
            line = repository.text(path).count("\n", 0, found.end()) + 1
            yield _say(repository, _PYTEST, (path, line), f"{path} configures pytest")


def _conftest(repository: Repository) -> Iterator[Evidence]:
    own = (path for path in repository.paths if PurePosixPath(path).name == "conftest.py" and not _ASIDE.search(path))
    nearest = min(own, key=lambda path: (path.count("/"), path), default=None)
    if nearest is not None and nearest.isprintable():
        yield _say(repository, _PYTEST, (nearest, 0), f"{nearest} is pytest's")


def _of_pytest(repository: Repository) -> Iterator[Evidence]:
    for path, tree in _modules(repository):
        if line := _imports(tree, "pytest"):
            yield _say(repository, _PYTEST, (path, line), f"{path} imports pytest")
            return
        if line := next((node.lineno for node in tree.body if _is_test(node)), 0):
            yield _say(repository, _PYTEST, (path, line), f"{path} has tests that are functions")
            return


def _django(repository: Repository) -> Iterator[Evidence]:
    """Where pytest-django is asked for, pytest runs them."""
    managers = (path for path in repository.paths if PurePosixPath(path).name == "manage.py" and path.count("/") < 2)
    manage = next((path for path in sorted(managers) if "DJANGO_SETTINGS_MODULE" in repository.text(path)), None)
    if manage is None:
        return
    if place := next(_required(repository, "pytest-django"), None):
        yield _say(repository, _PYTEST, place, "pytest-django is among the dependencies")
        return
    folder = folder_of(manage)
    command = f"python {quote(manage)} test" + ("" if folder == "." else f" {quote(folder)}")
    for path, tree in _modules(repository):
        if _imports(tree, "django") and (line := _class_with_tests(tree)):
            yield _say(repository, command, (path, line), f"{path} has tests of Django's")
            return


def _depended_on(repository: Repository) -> Iterator[Evidence]:
    if place := next(_required(repository, "pytest"), None):
        yield _say(repository, _PYTEST, place, "pytest is among the dependencies")


def _unittest(repository: Repository) -> Iterator[Evidence]:
    for path, tree in _modules(repository):
        found = _imports(tree, "unittest") and PurePosixPath(path).name.startswith("test")
        if found and (line := _class_with_tests(tree)):
            yield _say(repository, _discovering(repository, path), (path, line), f"{path} has tests of unittest's")
            return


def _discovering(repository: Repository, path: str) -> str:
    """unittest looks into packages only; a folder that is none has to be named."""
    for folder in reversed(PurePosixPath(path).parents[:-1]):
        if f"{folder}/__init__.py" not in repository.paths:
            return f"{_UNITTEST} discover -s {quote(folder_of(path))}"
    return _UNITTEST


def _hinted(repository: Repository) -> Iterator[Evidence]:
    for path in _HINTS:
        if found := re.search(r"\bpytest\b", repository.text(path)):
            line = repository.text(path).count("\n", 0, found.start()) + 1
            yield _say(repository, _PYTEST, (path, line), f"{path} speaks of pytest", Confidence.POSSIBLE)


_DETECTORS: tuple[Callable[[Repository], Iterable[Evidence]], ...] = (
    _configured,
    _conftest,
    _of_pytest,
    _django,
    _depended_on,
    _unittest,
    _hinted,
)


def _modules(repository: Repository) -> Iterator[tuple[str, ast.Module]]:
    """Test modules that were read and parse, the nearest to the root first."""
    own = (path for path in repository.paths if _is_module(path))
    for path in sorted(own, key=lambda path: (path.count("/"), path))[:_MODULES]:
        if tree := repository.module(path):
            yield path, tree


def _imports(tree: ast.Module, name: str) -> int:
    """The line of the first import of the package at the top of the module; 0: none."""
    for node in tree.body:
        match node:
            case ast.Import(names=names) if any(each.name.split(".")[0] == name for each in names):
                return node.lineno
            case ast.ImportFrom(module=str(module), level=0) if module.split(".")[0] == name:
                return node.lineno
    return 0


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _class_with_tests(tree: ast.Module) -> int:
    """The line of the first class that has test methods and is derived from a test case; 0: none. What `startapp` makes
    has none."""
    for node in tree.body:
        match node:
            case ast.ClassDef(bases=bases, body=body) if any(map(_is_test, body)) and any(map(_is_case, bases)):
                return node.lineno
    return 0


def _is_case(base: ast.expr) -> bool:
    return dotted_name(base).endswith("TestCase")


def _required(repository: Repository, name: str) -> Iterator[tuple[str, int]]:
    """Where a requirement of this name is written down."""
    pattern = re.compile(_REQUIRED.format(re.escape(name).replace(r"\-", "[-_.]")))
    files = (path for path in repository.paths if path in _CONFIGURATION or _DEVELOPMENT.fullmatch(path))
    for path in sorted(files):
        text = repository.text(path)
        if found := pattern.search(text):
            yield path, text.count("\n", 0, found.end()) + 1


def _say(
    repository: Repository,
    command: str,
    place: tuple[str, int],
    because: str,
    confidence: Confidence = Confidence.LIKELY,
) -> Evidence:
    return Evidence(SUBJECT, command, repository.place(*place), confidence, _DETECTOR, because)
