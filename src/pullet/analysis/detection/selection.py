"""Which files of a repository detection wants to read. Only names and sizes are known here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

FILE_LIMIT = 400
SIZE_LIMIT = 200 * 1024  # bytes a file
TOTAL_LIMIT = 4 * 1024 * 1024  # bytes
_DEPTH_LIMIT = 5  # folders above a file; `src/shop/config/settings/production.py` has four
_PATH_LIMIT = 400  # characters

_VENDORED = {"node_modules", "bower_components", "site-packages", "vendor", "vendored", "third_party", "venv", "env"}
_GENERATED = {"__pycache__", "migrations", "alembic", "static", "staticfiles", "media", "dist", "build", "locale"}
_ASIDE = {"tests", "test", "testing", "fixtures", "e2e", "docs", "doc", "examples", "example", "samples", "benchmarks"}
_LEFT_OUT = _VENDORED | _GENERATED | _ASIDE | {"templates", "notebooks", "virtualenv"}
_MANIFEST = re.compile(
    r"Procfile(\.prod(uction)?)?|procfile|Pipfile(\.lock)?|runtime\.txt|\.python-version|app\.json|pyproject\.toml|pullet\.toml|poetry\.lock|uv\.lock"
    r"|setup\.(py|cfg)|environment\.ya?ml|[\w.-]*requirements[\w.-]*\.txt"
)
_VENDOR = re.compile(
    # other platforms' files, from the top of the repository or the app's folder
    r"(render|azure|(docker-)?compose)\.ya?ml|scalingo\.json|railway\.(json|toml)|nixpacks\.toml|fly\.toml"
    r"|\.platform\.app\.yaml|(\.?docker/)?(Dockerfile|Containerfile)(\.prod(uction)?)?|\.do/(app\.ya?ml|deploy\.template\.yaml)"
    r"|\.platform/[\w.-]{1,60}\.yaml|\.upsun/config\.yaml|app\.json"
)
HINTS = ("Makefile", "makefile", "justfile", "Justfile", "Taskfile.yml", "Taskfile.yaml", "README.md", "README.rst")
"""Files at the top in which people write how they start the app on their own machines."""
_BESIDE = re.compile(r"(Docker|Container)file(\.prod(uction)?)?|render\.yaml|railway\.(json|toml)|fly\.toml")
_APP_DEPTH = 3
"""Folders above an app's own; there such files are told by their names."""
EXAMPLE = re.compile(r"\.?env[.-](?:example|sample|template|dist)|(?:example|sample)\.env")
"""Files that list an app's variables with values for development."""
_NODE = re.compile(r"package\.json|\.nvmrc|\.node-version")
_SCRIPT = re.compile(r"[\w.-]{1,60}\.sh|run|start|entrypoint|docker-entrypoint")
_NEAR = 2  # folders above a script that a start command may call, or a package.json that builds an app's assets
_NAMED_ONLY = frozenset({"uv.lock", "poetry.lock"})  # that they exist says enough; they are the largest files of all
_TEST_FILE = re.compile(r"test_.*|.*_test|conftest|noxfile|fabfile")


def files_to_read(entries: Sequence[tuple[str, int]], root: str = ".") -> tuple[str, ...]:
    """The paths that `understand` needs, of (path, size in bytes) of every file in the repository.

    At most 400 files, 200 KB each, 4 MB in all; files near `root` (the app's folder) first, manifests before modules.
    """
    wanted = sorted((rank, path, size) for path, size in entries if (rank := _rank(path, size, root)) is not None)
    return tuple(_within_limits((path, size) for _, path, size in wanted))


def _within_limits(files: Iterator[tuple[str, int]]) -> Iterator[str]:
    total = count = 0
    for path, size in files:
        if count == FILE_LIMIT:
            return
        if total + size <= TOTAL_LIMIT:
            total, count = total + size, count + 1
            yield path


def _rank(path: str, size: int, root: str) -> tuple[int, int, int] | None:
    """Smaller is read first; None is not read at all."""
    if size > SIZE_LIMIT or len(path) > _PATH_LIMIT or not path.isprintable():
        return None
    if path in ("pullet.toml", "pyproject.toml"):  # they may say where the app is
        return (0, 0, 0)
    if _VENDOR.fullmatch(path):
        return (1, 0, 0)
    inside = path if root == "." else path.removeprefix(f"{root}/")
    if root != "." and inside == path:
        return None
    parts = inside.split("/")
    if not is_of_interest(inside):
        return None
    manifest = 0 if _MANIFEST.fullmatch(parts[-1]) else 1
    return (1, len(parts), manifest)


def _is_left_out(folder: str) -> bool:
    return folder.startswith(".") or folder in _LEFT_OUT or is_template(folder)


def is_template(path: str) -> bool:
    """Whether its name is to be filled in by cookiecutter or copier first."""
    return "{{" in path


def is_of_interest(path: str) -> bool:
    """Whether a file, by its path below the app's root, could tell what the app is."""
    *folders, name = path.split("/")
    if _VENDOR.fullmatch(path) or EXAMPLE.fullmatch(path) or path in HINTS:
        return True
    if len(folders) > _DEPTH_LIMIT or any(map(_is_left_out, folders)):
        return False
    if name in _NAMED_ONLY:
        return False
    if (
        (_BESIDE.fullmatch(name) and len(folders) <= _APP_DEPTH)
        or _MANIFEST.fullmatch(name)
        or (folders[-1:] == ["requirements"] and name.endswith(".txt"))
    ):
        return True
    if _SCRIPT.fullmatch(name) or _NODE.fullmatch(name):
        return len(folders) <= _NEAR
    return name.endswith(".py") and not _TEST_FILE.fullmatch(PurePosixPath(name).stem)
