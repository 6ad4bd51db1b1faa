"""The object that a server is pointed at: `asgi shop.main:app`, `wsgi shop:create_app() in src`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from pullet.analysis.detection.repository import Repository, folder_of

WSGI, ASGI = "wsgi", "asgi"


@dataclass(frozen=True)
class Application:
    interface: str
    """`wsgi` or `asgi`."""
    module: str
    name: str
    factory: bool = False
    """`name` is a function without required arguments that makes the application."""
    import_root: str = "."
    """The folder that has to be on sys.path for `module` to be found."""

    def __str__(self) -> str:
        where = "" if self.import_root == "." else f" in {self.import_root}"
        return f"{self.interface} {self.target}{where}"

    @property
    def target(self) -> str:
        return f"{self.module}:{self.name}{'()' if self.factory else ''}"

    @classmethod
    def parse(cls, text: str) -> Application:
        """The inverse of str()."""
        interface, _, rest = text.partition(" ")
        target, _, where = rest.partition(" in ")
        module, _, name = target.partition(":")
        return cls(interface, module, name.removesuffix("()"), name.endswith("()"), where or ".")


def module_name(path: str, import_root: str) -> str | None:
    """The dotted name of a file seen from `import_root`; None where Python could not import it under any."""
    inside = PurePosixPath(path).relative_to(import_root).with_suffix("")
    parts = inside.parts[:-1] if inside.name == "__init__" else inside.parts
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def import_root(repository: Repository, path: str, imported: Collection[str]) -> str:
    """The folder that has to be on sys.path for the file to work. `imported`: modules it imports absolutely.

    Above the outermost package; for a file outside packages its own folder if it imports a neighbour by bare name,
    else the app's root, from which a folder without __init__.py is a package too.
    """
    top = above_packages(repository, folder_of(path))
    if f"{top}/manage.py" in repository.paths:
        return top  # Python puts the folder of a script on sys.path, and this one's modules rely on it
    first = top.split("/", 1)[0]
    if any(module == first or module.startswith(f"{first}.") for module in imported):
        return "."  # it calls its own folder a package
    if top != folder_of(path) and _is_called(repository, top, path):
        return top
    if top in (".", "src") or not all(part.isidentifier() for part in top.split("/")):
        return top
    if _has_neighbour(repository, top, imported):
        return top
    return "src" if top.startswith("src/") else "."


def _is_called(repository: Repository, top: str, path: str) -> bool:
    """Whether the code around imports the file's package by its bare name, as if `top` were on sys.path."""
    package = path.removeprefix(f"{top}/").split("/", 1)[0]
    if _importable(repository, package):
        return False
    says = re.compile(rf"^[ \t]*(?:from|import)[ \t]+{re.escape(package)}[. \t]", re.MULTILINE)
    around = (each for each in repository.python_files if each.startswith(f"{top}/"))
    return any(says.search(repository.text(each)) for each in around)


def above_packages(repository: Repository, folder: str) -> str:
    """The folder that holds the outermost package around `folder`; `folder` itself where it is no package."""
    while folder != "." and f"{folder}/__init__.py" in repository.paths:
        folder = folder_of(folder)
    return folder


def _has_neighbour(repository: Repository, folder: str, imported: Collection[str]) -> bool:
    """Whether a module that the file imports lies in `folder` and not at the root."""
    for module in imported:
        first = module.split(".", 1)[0]
        if _importable(repository, f"{folder}/{first}") and not _importable(repository, first):
            return True
    return False


def _importable(repository: Repository, stem: str) -> bool:
    return f"{stem}.py" in repository.paths or f"{stem}/__init__.py" in repository.paths
