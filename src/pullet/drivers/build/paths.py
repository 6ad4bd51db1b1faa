"""What of an app's own tree is importable: the app itself is not installed, it runs from where it was checked out."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from pullet.domain.app import AppSpec, DependencyKind
from pullet.drivers.build.inputs import TreeFiles
from pullet.drivers.build.resolve import ask

_OF_UV_LOCK = re.compile(r'^source = \{ (?:editable|directory|virtual) = "([^"]+)" \}', re.MULTILINE)


def python_path(spec: AppSpec, tree: Path) -> tuple[str, ...]:
    """Absolute folders for PYTHONPATH, the app's root first, then its `src`, then other projects of the same repository
    that it depends on. Raises BuildFailed where the dependency files cannot be followed."""
    folders = [spec.root, *_neighbours(spec, TreeFiles(tree))]
    found = [one for folder in folders for one in (folder, posixpath.join(folder, "src"))]
    return tuple(dict.fromkeys(str(path) for folder in found if (path := _folder(tree, folder)) is not None))


def _neighbours(spec: AppSpec, files: TreeFiles) -> tuple[str, ...]:
    question = ask(spec, files)
    if question.wanted is not None:
        return question.wanted.local
    if question.kind is not DependencyKind.UV_LOCK:
        return ()
    base = posixpath.dirname(question.path)
    return tuple(
        posixpath.normpath(posixpath.join(base, one)) for one in _OF_UV_LOCK.findall(files.read(question.path))
    )


def _folder(tree: Path, folder: str) -> Path | None:
    """None for what is no folder, leads out of the tree, or is itself a package (then it is imported as `src.…`)."""
    try:
        real = (tree / folder).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    package = posixpath.basename(folder) == "src" and (real / "__init__.py").exists()
    inside = real.is_relative_to(tree.resolve())
    return Path(posixpath.normpath(tree / folder)) if real.is_dir() and inside and not package else None
