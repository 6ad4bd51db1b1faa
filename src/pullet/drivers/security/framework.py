"""Engine `framework`: Django's own `check --deploy`, in the app's environment, as the app is configured.

What the checks are told by runs beside the app's own code: the token keeps what an app prints from being taken for the
answer, and a program that gives up from being taken for one that found nothing. Code that is made to deceive its own
framework in the same process can; such code is for the engines that read it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pullet.analysis.security.framework import CWES, coverage, framework_findings
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Coverage, EngineReport
from pullet.drivers.installed import has
from pullet.drivers.security.asked.served import entries
from pullet.drivers.security.inside_app import inside_app
from pullet.drivers.security.subjects import settings_module, variables
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_PROGRAM = "pullet_checks.py"
_SERVED = "pullet.drivers.security.asked.served"
_COPY = "pullet.drivers.security.asked.copy"
_COPIED = 256 << 20  # bytes
_WRITES = re.compile(r"Read-only file system|Permission denied|unable to open database file")
_NAME_THEM = "Set DJANGO_SETTINGS_MODULE in [variables] of pullet.toml."


@dataclass(frozen=True)
class _Served:
    """Which settings visitors are served with."""

    module: str
    """Empty: nothing in the repository names any."""
    folder: str = ""
    """Relative to the repository's top; what is imported begins there."""


class FrameworkEngine:
    part = "framework"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        if "django" not in subject.frameworks:
            return "no framework is used that has checks of its own"
        if subject.python is None:
            return "nothing is installed that Django's checks could run in: make a .venv, or name one with --python"
        if not has(subject.python, "django"):
            return "Django is not installed there: what imports it is not what runs"
        if not settings_module(variables(subject)) and not entries(subject.files):
            return "nothing says which settings are served"
        return ""

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed where the app cannot be loaded: then nothing of it was checked."""
        served = await self._served(subject)
        if not served.module:
            excused = (("Django", "the app is not started by Django: no module for servers names settings"),)
            return EngineReport(self.part, coverage=(Coverage("checks", 0, 0, excused=excused),), checked=CWES)
        answer = await self._checked(subject, served)
        if _WRITES.search(str(answer.get("why"))):
            answer = await self._checked_where_it_may_write(subject, served) or answer
        try:
            if answer["why"]:
                raise AssessmentFailed("Django's checks could not run", context=str(answer["why"]))
            failed = tuple((str(name), str(why)) for name, why in answer["failed"])
            looked_at = coverage(tuple(map(str, answer["ran"])), failed, int(answer["more"]))
            messages = [_message(each) for each in answer["messages"]]
            found = framework_findings(messages, key_given=bool(answer["key_given"]))
        except (LookupError, TypeError, ValueError, AttributeError) as err:
            raise AssessmentFailed("Django's checks gave no answer that can be read", context=repr(err)) from err
        tool = f"Django {answer['version']}, check --deploy of {served.module}"[:200]
        return EngineReport(self.part, tuple(found), tuple(looked_at), tool=tool, checked=CWES)

    async def _served(self, subject: Subject) -> _Served:
        if named := settings_module(variables(subject)):
            return _Served(named)
        root = subject.spec.root if subject.spec else "."
        question = {"tree": str(subject.tree), "root": root, "files": list(_python_files(subject))}
        told = await self._workbench.ask(subject, _SERVED, question)
        try:
            served, speaks = _Served(str(told["module"]), str(told["folder"])), bool(told["speaks"])
        except (LookupError, TypeError) as err:
            raise AssessmentFailed("What is told of the settings cannot be read", context=repr(err)) from err
        if speaks and not served.module:
            raise AssessmentFailed("Nobody can tell which settings are served", hint=_NAME_THEM)
        return served

    async def _checked_where_it_may_write(self, subject: Subject, served: _Served) -> Mapping[str, Any] | None:
        """Settings that make a folder for logs get a copy of the files; None where that would be too large."""
        async with self._workbench.folder(subject) as folder:
            question = {"tree": str(subject.tree), "files": subject.files, "to": str(folder), "most": _COPIED}
            told = await self._workbench.ask(subject, _COPY, question, writable=(folder,))
            if told != {"whole": True}:
                return None
            paths = tuple(_moved(path, subject.tree, folder) for path in subject.python_path)
            copied = replace(subject, tree=folder, python_path=paths)
            return await self._checked(copied, served, writable=(folder,))

    async def _checked(self, subject: Subject, served: _Served, writable: Sequence[Path] = ()) -> Mapping[str, Any]:
        token = secrets.token_hex(16)
        errand = inside_app(
            subject,
            _PROGRAM,
            stdin=token.encode(),
            given={"DJANGO_SETTINGS_MODULE": served.module},
            folders=(str(subject.tree / served.folder),),
        )
        done = await self._workbench.run(subject, replace(errand, writable=tuple(writable)))
        try:
            answer = json.loads(done.stdout)
        except (ValueError, RecursionError) as err:
            raise AssessmentFailed("Django's checks gave no answer that can be read", context=str(err)) from err
        if not isinstance(answer, dict) or answer.get("token") != token:
            raise AssessmentFailed("Django's checks gave no answer", context="what came was written by the app itself")
        return answer


def _moved(path: str, tree: Path, folder: Path) -> str:
    return str(folder / Path(path).relative_to(tree)) if Path(path).is_relative_to(tree) else path


def _python_files(subject: Subject) -> tuple[str, ...]:
    return tuple(path for path in subject.files if path.endswith(".py"))


def _message(told: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: str(told[name])[:500] for name in ("id", "message", "hint", "object")}
