"""What would make a heal permanent: a patch for the repository. Pullet prints it; committing is for its owner."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from pullet.analysis.diagnosis.facts import parsed_requirement
from pullet.domain.app import AppSpec, DependencyKind
from pullet.domain.healing import Change, ChangeKind

_APP_FILE = "pullet.toml"
_BUILD_KEYS = {
    ChangeKind.EXCLUDE_NEWER: "exclude_newer",
    ChangeKind.BUILD_CONSTRAINT: "build_constraints",
    ChangeKind.CONSTRAINT: "constraints",
    ChangeKind.STATIC: "ignore_missing_static",
    ChangeKind.ASSETS: "assets",
}


def line_for(change: Change, spec: AppSpec) -> str:
    """`requirements.txt: setuptools<81` and the like: where the change belongs, in one line."""
    if change.kind is ChangeKind.PYTHON:
        return f".python-version: {change.value}"
    if change.kind in (ChangeKind.REQUIREMENT, ChangeKind.REPLACEMENT):
        path = spec.dependencies.path or "requirements.txt"
        return f"{path}: {change.value.rpartition(' ')[2]}"
    return f"{_APP_FILE}: [build] {_BUILD_KEYS[change.kind]} = {_build_value(change)}"


def patch(changes: tuple[Change, ...], spec: AppSpec, files: Mapping[str, str]) -> str:
    """A unified diff that `git apply` takes. `files`: the texts that there are, by path from the top."""
    after = dict(files)
    for change in changes:
        path, text = _applied(change, spec, after)
        after[path] = text
    return "".join(_diff(path, files.get(path), text) for path, text in after.items() if files.get(path) != text)


def paths_of(spec: AppSpec) -> tuple[str, ...]:
    """The files that a patch may touch."""
    return _APP_FILE, _below(spec, ".python-version"), _below(spec, spec.dependencies.path or "requirements.txt")


def _applied(change: Change, spec: AppSpec, files: Mapping[str, str]) -> tuple[str, str]:
    if change.kind is ChangeKind.PYTHON:
        return _below(spec, ".python-version"), f"{change.value}\n"
    plain = spec.dependencies.kind in (DependencyKind.REQUIREMENTS, DependencyKind.NONE, DependencyKind.IMPORTS)
    path = _below(spec, spec.dependencies.path or "requirements.txt")
    if change.kind in (ChangeKind.REQUIREMENT, ChangeKind.REPLACEMENT) and plain:
        return path, _requirement(files.get(path, "") or told_from_imports(spec), change)
    if change.kind in _BUILD_KEYS:
        return _APP_FILE, _build_key(files.get(_APP_FILE, ""), change)
    note = f"# Add to {path}, then lock it anew: {change.value.rpartition(' ')[2]}\n"
    return _APP_FILE, note + files.get(_APP_FILE, "")


def told_from_imports(spec: AppSpec) -> str:
    """The requirements.txt that says the same; empty where a file lists the dependencies."""
    if spec.dependencies.kind is not DependencyKind.IMPORTS:
        return ""
    return "".join(f"{line}\n" for line in spec.dependencies.extra)


def _requirement(text: str, change: Change) -> str:
    old, _, new = change.value.rpartition(" ")
    if not old:
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{new}\n"
    lines = [_renamed(line, old, new) for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _renamed(line: str, old: str, new: str) -> str:
    parsed = parsed_requirement(line.strip())
    if parsed is None or canonicalize_name(parsed.name) != canonicalize_name(old):
        return line
    return line.replace(parsed.name, new, 1)


def _build_key(text: str, change: Change) -> str:
    key, value = _BUILD_KEYS[change.kind], f'"{change.value}"'
    listed = re.search(rf"(?m)^{key} = \[(.*)\]$", text)
    if listed:
        return text.replace(listed[0], f"{key} = [{listed[1]}, {value}]")
    line = f"{key} = {_build_value(change)}\n"
    if re.search(r"(?m)^\[build\]$", text):
        return re.sub(r"(?m)^\[build\]\n", lambda found: found[0] + line, text, count=1)
    return f"{text}{chr(10) if text else ''}[build]\n{line}"


def _build_value(change: Change) -> str:
    match change.kind:
        case ChangeKind.STATIC:
            return "true"
        case ChangeKind.ASSETS:
            return "[]"
        case ChangeKind.EXCLUDE_NEWER:
            return f'"{change.value}"'
        case _:
            return f'["{change.value}"]'


def _below(spec: AppSpec, path: str) -> str:
    return path if spec.root == "." else f"{spec.root}/{path}"


def _diff(path: str, before: str | None, after: str) -> str:
    old = "/dev/null" if before is None else f"a/{path}"
    lines = difflib.unified_diff(
        (before or "").splitlines(keepends=True), after.splitlines(keepends=True), old, f"b/{path}"
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    new = "new file mode 100644\n" if before is None else ""
    return f"diff --git a/{path} b/{path}\n{new}{text}"
