"""Commands that a project declares for itself, as `[project.scripts]`.

Projects are imported from where they are and never installed, so such a command is started through Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Decision, Evidence

FILE = "pyproject.toml"
_TARGET = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,9}):(?P<function>[A-Za-z_]\w*)")
_COMMANDS = re.compile(r"processes\.[^.]+\.command|(?:release|build)\.commands|release\.first")


def own_scripts(repository: Repository) -> dict[str, re.Match[str]]:
    """Name -> `module` and `function` of those that can be told."""
    content = repository.toml(FILE)
    poetry = _table(_table(_table(content, "tool"), "poetry"), "scripts")
    declared = {**poetry, **_table(_table(content, "project"), "scripts")}
    told = ((name, _TARGET.fullmatch(str(target))) for name, target in declared.items())
    return {name: target for name, target in told if target}


def through_python(target: re.Match[str]) -> str:
    """The command line that does what the installed script would."""
    module, function = target["module"], target["function"]
    return f'python -c "import sys; from {module} import {function}; sys.exit({function}())"'


def started_through_python(repository: Repository, decisions: Mapping[str, Decision]) -> Iterator[tuple[str, Decision]]:
    """Decisions whose commands begin with a script of the project's own, as they can be run."""
    scripts = own_scripts(repository)
    for subject, decision in decisions.items() if scripts else ():
        value = "\n".join(_line(line, scripts) for line in decision.value.split("\n"))
        if _COMMANDS.fullmatch(subject) and value != decision.value:
            place = repository.place(FILE, repository.line_of(FILE, "scripts"))
            because = f"{FILE} declares the script, and the project is not installed"
            reason = Evidence(subject, value, place, Confidence.LIKELY, "own scripts", because)
            yield subject, replace(decision, value=value, evidence=(*decision.evidence, reason))


def _line(line: str, scripts: Mapping[str, re.Match[str]]) -> str:
    first, space, rest = line.partition(" ")
    return through_python(scripts[first]) + space + rest if first in scripts else line


def _table(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
