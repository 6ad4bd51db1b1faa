"""Which folder of a repository is the app's: the top, or one below it that says by itself what it needs."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.analysis.detection.detectors import dependencies
from pullet.analysis.detection.frameworks import WEB
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.selection import is_of_interest
from pullet.domain.app import Confidence, Evidence

_DEPTH = 3  # folders; `services/shop/api`
_TRIED = 20
_FILES = ("requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile.lock", "Pipfile", "setup.py")


def roots_below(top: Repository) -> list[str]:
    """Folders to try before the top, nearest first; none where the top is an app's own.

    A top with a Procfile is. So is one with dependencies, unless nothing among them is for the web and something in a
    folder below is: then those are a linter's, or a library's.
    """
    if top.text("Procfile"):
        return []
    folders = list(folders_with_dependencies(top))[:_TRIED]
    if not dependencies.has_dependencies(top):
        return folders
    return [] if is_for_the_web(top) else [folder for folder in folders if is_for_the_web(top.below(folder))]


def folders_with_dependencies(top: Repository) -> Iterator[str]:
    """Up to three levels down, nearest first."""
    found = {folder for path in top.paths if (folder := _folder(path))}
    yield from sorted(found, key=lambda folder: (folder.count("/"), folder))


def root_evidence(repository: Repository) -> Evidence:
    """Why the root is where it is."""
    path = next(file for file in _FILES if file in repository.paths)
    nothing = "nothing does at the top"
    if dependencies.has_dependencies(repository.top):
        nothing = "those at the top are not a web app's"
    because = f"{repository.root}/{path} lists dependencies, and {nothing}"
    return Evidence("app.root", repository.root, repository.place(path), Confidence.LIKELY, "folders", because)


def is_for_the_web(repository: Repository) -> bool:
    """Whether a framework or a server is among the dependencies."""
    return any(each.name.partition("[")[0] in WEB for each in dependencies.requirements(repository))


def _folder(path: str) -> str:
    folder, _, file = path.rpartition("/")
    usable = file in _FILES and folder.count("/") < _DEPTH and folder.isprintable()
    return folder if usable and is_of_interest(f"{folder}/app.py") else ""
