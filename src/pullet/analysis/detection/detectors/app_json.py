"""app.json: defaults of variables, secrets to generate, a predeploy script, the formation. Hints only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence
from pullet.domain.secrets import name_trouble

_FILE = "app.json"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


def detect(repository: Repository) -> Iterable[Evidence]:
    content = _read(repository.text(_FILE))
    yield from _variables(repository, _table(content, "env"))
    yield from _predeploy(repository, _table(_table(content, "scripts"), "dokku"))
    yield from _formation(repository, _table(content, "formation"))


def _read(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _variables(repository: Repository, env: Mapping[str, Any]) -> Iterable[Evidence]:
    generated = []
    for name, entry in list(env.items())[:200]:
        if not _VARIABLE.fullmatch(name):
            continue
        value = entry.get("value") if isinstance(entry, dict) else entry
        if isinstance(entry, dict) and entry.get("generator") == "secret":
            generated += [] if name_trouble(name) else [name]
        elif isinstance(value, str) and value and "\x00" not in value:
            yield _hint(repository, f"variables.{name}", value, name, "gives a default")
    if generated:
        yield _hint(repository, "secrets.generated", "\n".join(generated), generated[0], "has it generated")


def _predeploy(repository: Repository, scripts: Mapping[str, Any]) -> Iterable[Evidence]:
    command = scripts.get("predeploy")
    if isinstance(command, str) and command.strip() and command.isprintable():
        yield _hint(repository, "release.commands", command.strip(), "predeploy", "has a predeploy script")


def _formation(repository: Repository, formation: Mapping[str, Any]) -> Iterable[Evidence]:
    quantity = _table(formation, "web").get("quantity")
    if isinstance(quantity, int) and 1 <= quantity <= 20 and not isinstance(quantity, bool):
        yield _hint(repository, "processes.web.instances", str(quantity), "quantity", "says how many")


def _hint(repository: Repository, subject: str, value: str, near: str, because: str) -> Evidence:
    place = repository.place(_FILE, repository.line_of(_FILE, f'"{near}"'))
    return Evidence(subject, value, place, Confidence.POSSIBLE, _FILE, f"{_FILE} {because}")
