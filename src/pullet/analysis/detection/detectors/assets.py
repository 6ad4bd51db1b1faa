"""Node assets: a package.json whose script makes the scripts and style sheets that pages ask for.

In the app's root and up to two folders below it. One without such a script is for a linter or a server of its own,
unless the Dockerfile's Node stage says by which commands it builds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pullet.analysis.detection.detectors import node_stage
from pullet.analysis.detection.node_versions import request
from pullet.analysis.detection.repository import Repository, folder_of
from pullet.domain.app import Confidence, Evidence
from pullet.domain.assets import Assets, Manager
from pullet.domain.codec import dumps

SUBJECT = "fact.assets"
"""The value is an `Assets` as JSON; one without commands has none that builds."""

SCRIPTS = (
    "build", "build:prod", "build:production", "production", "prod", "build-prod", "build:all", "build:assets",
    "assets:build", "build:css", "css:build", "build:js", "tailwind:build", "build:tailwind", "build-css", "buildcss",
    "vite:build", "webpack:build", "encore:production", "compile", "bundle", "dist",
)  # fmt: skip
"""Scripts that build, the likeliest first."""
LOCKS = {
    "pnpm-lock.yaml": Manager.PNPM,
    "yarn.lock": Manager.YARN,
    "package-lock.json": Manager.NPM,
    "npm-shrinkwrap.json": Manager.NPM,
}
_DEPTH = 2
_FOUND = 20  # package.json files that are looked at
_SCRIPT_LENGTH = 2_000
_ASIDE = re.compile(
    r"tests?|testing|e2e|cypress|playwright|docs?|docusaurus|storybook|website|examples?|demos?|samples|scripts|tools"
    r"|infra|infrastructure|cdk|deploy|deployment|terraform|pulumi|node_modules|vendor|fixtures|benchmarks|emails?"
)
_FOLDER = re.compile(r"[\w@][\w@.-]{0,100}")  # no template's `{{ name }}`, nothing hidden
_MANAGER = re.compile(r"(npm|pnpm|yarn)(?:@(\d{1,3}\.\d{1,4}\.\d{1,4})(?:[+-][\w.+-]{1,200})?)?")
_OTHER_TOOL = re.compile(r"\b(jest|vitest|cypress|playwright|tsc --noEmit|eslint|prettier|husky)\b")


def detect(repository: Repository) -> Iterable[Evidence]:
    found = sorted((path.count("/"), path) for path in repository.paths if path.rpartition("/")[2] == "package.json")
    for depth, path in found[:_FOUND]:
        folders = path.split("/")[:-1]
        if depth <= _DEPTH and all(_FOLDER.fullmatch(part) and not _ASIDE.fullmatch(part) for part in folders):
            yield from _read(repository, path)


def _read(repository: Repository, path: str) -> Iterator[Evidence]:
    content = package(repository.text(path))
    if content is None:
        if repository.text(path):
            yield _say(repository, path, 0, Assets(folder_of(path)), f"{path} is not read: it is no JSON object")
        return
    manager, version, lock = _manager(repository, folder_of(path), content)
    node, asked_in = _node(repository, folder_of(path), content)
    assets = Assets(folder_of(path), manager, version, lock, node=node)
    by = f"{lock} says by {manager}" if lock else f"no lock is beside it, so by {manager} install"
    by += f"; {asked_in} asks for Node {node}" if node else ""
    script = _script(content)
    if script:
        because = f"{path} has the script {script}; {by}"
        line = repository.line_of(path, f'"{script}"')
        yield _say(repository, path, line, replace(assets, commands=(f"{manager} run {script}",)), because)
        return
    stage = node_stage.commands(repository, assets.folder)
    if stage:
        because = f"{stage.place.path} builds it with Node; {by}"
        fact = dumps(replace(assets, commands=stage.commands, seen_at=stage.seen_at))
        yield Evidence(SUBJECT, fact, stage.place, Confidence.POSSIBLE, "assets", because)
    else:
        yield _say(repository, path, 0, assets, f"{path} has no script that builds")


def package(text: str) -> Mapping[str, Any] | None:
    """A package.json; None for what is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _script(content: Mapping[str, Any]) -> str:
    scripts = content.get("scripts")
    known = scripts if isinstance(scripts, dict) else {}
    return next((name for name in SCRIPTS if _builds(known.get(name))), "")


def _builds(line: object) -> bool:
    """Some have a script of that name for something else: a type check, a linter."""
    if not isinstance(line, str) or not line.strip() or len(line) > _SCRIPT_LENGTH:
        return False
    return not _OTHER_TOOL.match(line.strip()) and not re.search(r"--watch\b(?!=false)|\bdocker(-compose)?\b", line)


def _manager(repository: Repository, folder: str, content: Mapping[str, Any]) -> tuple[Manager, str, str]:
    """(who installs, in which version, by which lock)"""
    named = content.get("packageManager")
    pinned = _MANAGER.fullmatch(named) if isinstance(named, str) else None
    locks = {name: kind for name, kind in LOCKS.items() if _inside(folder, name) in repository.paths}
    if pinned is not None:
        kind = Manager(pinned[1])
        lock = next((name for name, of in locks.items() if of is kind), "")
        return kind, pinned[2] or "", _inside(folder, lock) if lock else ""
    for name, kind in locks.items():
        return kind, "", _inside(folder, name)
    return Manager.NPM, "", ""


def _node(repository: Repository, folder: str, content: Mapping[str, Any]) -> tuple[str, str]:
    """(request, file): pins before ranges, near files before those at the top."""
    for base in dict.fromkeys((folder, ".")):
        for name in (".nvmrc", ".node-version"):
            first = repository.text(_inside(base, name)).strip().split("\n", 1)[0]
            if version := request(first):
                return version, _inside(base, name)
    for table in ("volta", "engines"):
        engines = content.get(table)
        wanted = engines.get("node") if isinstance(engines, dict) else None
        if isinstance(wanted, str) and (version := request(wanted)):
            return version, _inside(folder, "package.json")
    return "", ""


def _inside(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _say(repository: Repository, path: str, line: int, assets: Assets, because: str) -> Evidence:
    place = repository.place(path, line)
    return Evidence(SUBJECT, dumps(assets), place, Confidence.LIKELY, "assets", because)
