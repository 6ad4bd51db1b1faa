"""Whether an app's dependencies are from before the servers of today: what is added then has to go with them."""

from __future__ import annotations

import json
import re

from pullet.analysis.detection.repository import Repository

_FILES = (
    "requirements.txt",
    "requirements/base.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "pyproject.toml",
    "Pipfile",
    "setup.py",
)
_SINCE = {"click": (8, 1), "flask": (2, 0), "werkzeug": (2, 0), "django": (3, 2), "jinja2": (3, 0)}
"""Distribution -> the first version that goes with Python 3.10 and with servers that are newer than it."""
_HELD = re.compile(
    # `click==7.0`, `flask = "^1.1"`, `Django~=2.2`, `django<3`
    rf"""^[ \t"']{{0,20}}({"|".join(_SINCE)})(?:\[[\w,]{{0,40}}\])?["']?[ \t]{{0,9}}=?[ \t]{{0,9}}["']?"""
    r"""(===?|~=|\^|~|<=?)[ \t]{0,9}(\d{1,3})(?:\.(\d{1,3}))?""",
    re.MULTILINE | re.IGNORECASE,
)
_BELOW_310 = re.compile(r"(?:~=|==)?3\.[0-9](?!\d)(?:\.\*)?|.*<=?3\.(?:[0-9]|10)(?!\d)")


def is_from_before(repository: Repository, python: str) -> bool:
    """`python`: the version or range that the app asks for, or an empty text."""
    held = (match for path in _FILES for match in _HELD.finditer(repository.text(path)))
    return bool(
        _BELOW_310.fullmatch(python)
        or any(_is_old(*match.groups()) for match in held)
        or any(_is_old(name, "==", *_numbers(version)) for name, version in _locked(repository).items())
    )


def _is_old(name: str, operator: str, major: str, minor: str | None) -> bool:
    """A caret holds the major version only, and so does what is below the next one."""
    version = (int(major), int(minor or 0))
    since = _SINCE[name.lower()]
    if operator in ("^", "~="):
        return version[0] < since[0]
    return version <= since if operator == "<" else version < since


def _numbers(version: str) -> tuple[str, str]:
    found = re.match(r"==(\d{1,3})(?:\.(\d{1,3}))?", version)
    return (found[1], found[2] or "0") if found else ("999", "0")


def _locked(repository: Repository) -> dict[str, str]:
    try:
        document = json.loads(repository.text("Pipfile.lock") or "{}")
    except (ValueError, RecursionError):
        return {}
    default = document.get("default") if isinstance(document, dict) else None
    packages = default.items() if isinstance(default, dict) else ()
    versions = ((name, one.get("version")) for name, one in packages if isinstance(one, dict) and name in _SINCE)
    return {name: version for name, version in versions if isinstance(version, str)}
