"""Celery: the object that workers are pointed at, and whether it has a timetable."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath
from shlex import quote

from pullet.analysis.detection.application import import_root, module_name
from pullet.analysis.detection.modules import ModuleFacts, read_module
from pullet.analysis.detection.repository import Repository, dotted_name, folder_of
from pullet.domain.app import Confidence, Evidence

APP, TIMETABLE = "fact.celery.app", "fact.celery.timetable"
"""Subjects. The value of the first is what stands before `worker` on the command line: `celery -A shop`."""

_DETECTOR = "Celery"
_LIMIT = 50  # pieces of evidence
_TIMETABLE = re.compile(r"\b(?:CELERY_?BEAT_SCHEDULE|beat_schedule|add_periodic_task)\b")
_NAMES = frozenset({"CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE", "beat_schedule"})


def detect(repository: Repository) -> Iterable[Evidence]:
    return islice(_found(repository), _LIMIT)


def _found(repository: Repository) -> Iterator[Evidence]:
    for path in repository.python_files:
        text = repository.text(path)
        if "Celery(" in text and (tree := repository.module(path)):
            yield from _apps(repository, path, tree)
        if _TIMETABLE.search(text) and (tree := repository.module(path)):
            yield from _timetables(repository, path, tree)


def _apps(repository: Repository, path: str, tree: ast.Module) -> Iterator[Evidence]:
    package = folder_of(path)
    facts = read_module(tree, "" if package == "." else package.replace("/", "."))
    root = import_root(repository, path, facts.absolute)
    workdir = "" if root == "." else f" --workdir {quote(root)}"
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=function))
            ) if _imported(facts, function) in _MAKERS and (target := _target(path, root, name)):
                yield _say(repository, APP, f"celery{workdir} -A {target}", path, statement.lineno, "is a Celery app")


_MAKERS = frozenset({"celery.Celery", "celery.app.Celery", "celery.app.base.Celery"})


def _imported(facts: ModuleFacts, function: ast.expr) -> str:
    """Where what is called comes from, fully dotted."""
    first, dot, rest = dotted_name(function).partition(".")
    return facts.imports.get(first, "") + dot + rest


def _target(path: str, root: str, name: str) -> str | None:
    """`shop` for `app` or `celery` in shop/celery.py, where Celery looks by itself; else module and name."""
    module = module_name(path, root)
    if module is None:
        return None
    package, dot, last = module.rpartition(".")
    by_itself = dot and last == "celery" and name in ("app", "celery") and PurePosixPath(path).name == "celery.py"
    return package if by_itself else f"{module}:{name}"


def _timetables(repository: Repository, path: str, tree: ast.Module) -> Iterator[Evidence]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name) | ast.Name(id=name)], value=value):
                found = name in _NAMES and not (isinstance(value, ast.Dict) and not value.keys)
            case ast.Call(func=ast.Attribute(attr="add_periodic_task")):
                found = True
            case ast.Call(keywords=keywords):
                found = any(keyword.arg == "beat_schedule" for keyword in keywords)
            case _:
                continue
        if found:
            yield _say(repository, TIMETABLE, path, path, node.lineno, "has a timetable for Celery")
            return


def _say(repository: Repository, subject: str, value: str, path: str, line: int, what: str) -> Evidence:
    because = f"{path} {what}" if subject == TIMETABLE else f"an object in {path} {what}"
    return Evidence(subject, value, repository.place(path, line), Confidence.LIKELY, _DETECTOR, because)
