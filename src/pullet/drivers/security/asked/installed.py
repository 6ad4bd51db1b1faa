"""Question: {environment}, the folder of a Python environment. Answer: {sites, installed: [Installed],
missed: [[folder, why]]}.

Nothing is imported or unpacked: what is read are the small files beside each package that say what it is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pullet.analysis.security.metadata import (
    Installed,
    Unclear,
    identified,
    licence_of,
    modules_of,
    read_headers,
)
from pullet.domain.codec import to_json
from pullet.drivers.security.asked.files import Unread, read

_PACKAGES = 20_000
_SMALL = 64 << 10  # bytes
_METADATA = 4 << 20  # bytes; some carry their whole manual
_RECORD = 16 << 20  # bytes
_SUFFIXES = (".dist-info", ".egg-info")


def main() -> None:
    environment = Path(json.load(sys.stdin)["environment"])
    sites = sorted(_sites(environment))
    found: dict[str, Installed] = {}
    missed: list[tuple[str, str]] = list(_beyond(environment))
    for site in sites:
        _look(site, found, missed)
    told = [to_json(found[name]) for name in sorted(found)]
    json.dump({"sites": [str(site) for site in sites], "installed": told, "missed": missed}, sys.stdout)


def _sites(environment: Path) -> Iterator[Path]:
    """`lib64` is a link to `lib` in most environments."""
    seen = set()
    for lib in ("lib", "lib64"):
        for folder in (environment / lib).glob("python3*/site-packages"):
            if folder.is_dir() and (real := folder.resolve()) not in seen:
                seen.add(real)
                yield folder


def _beyond(environment: Path) -> Iterator[tuple[str, str]]:
    """An environment may use packages of the system too, which nobody listed here."""
    text = _text(environment, "pyvenv.cfg", _SMALL).lower().replace(" ", "")
    if "include-system-site-packages=true" in text:
        yield "pyvenv.cfg", "the environment uses the system's packages too, and those are not looked at"


def _look(site: Path, found: dict[str, Installed], missed: list[tuple[str, str]]) -> None:
    for folder in sorted(entry.name for entry in os.scandir(site) if entry.name.endswith(_SUFFIXES)):
        if len(found) + len(missed) >= _PACKAGES:
            missed.append(("the rest", f"more than {_PACKAGES} packages"))
            return
        try:
            package = _installed(site, folder)
        except (Unclear, Unread, ValueError) as err:
            missed.append((_shown(folder), str(err)[:200]))
            continue
        found.setdefault(package.name, package)


def _installed(site: Path, folder: str) -> Installed:
    """Raises Unclear, Unread, ValueError."""
    headers = read_headers(_described(site, folder))
    name, version = identified(_shown(folder), headers)
    stated, classifiers = licence_of(headers)
    modules = modules_of(_text(site, f"{folder}/top_level.txt", _SMALL), _text(site, f"{folder}/RECORD", _RECORD))
    return Installed(name, version, modules, stated, classifiers, _address(site, folder))


def _described(site: Path, folder: str) -> str:
    """An `.egg-info` may be a file itself."""
    for path in (f"{folder}/METADATA", f"{folder}/PKG-INFO", folder):
        if (site / path).is_file():
            return read(site, path, _METADATA).decode("utf-8", "replace")
    return ""


def _address(site: Path, folder: str) -> str:
    text = _text(site, f"{folder}/direct_url.json", _SMALL)
    told: Any = json.loads(text) if text else {}
    if not isinstance(told, dict) or "dir_info" in told:
        return ""
    return str(told.get("url", ""))[:500]


def _text(folder: Path, path: str, limit: int) -> str:
    """Empty where there is none, or too much of it."""
    try:
        return read(folder, path, limit).decode("utf-8", "replace")
    except Unread:
        return ""


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


if __name__ == "__main__":
    main()
