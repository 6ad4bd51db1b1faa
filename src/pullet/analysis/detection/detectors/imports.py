"""What the code imports that neither Python nor the repository has: the dependencies, where no file lists any.

Only names that are known well become requirements (`diagnosis.names`): anybody can register any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

from pullet.analysis.detection.repository import Repository, dotted_name, folder_of, literal_text
from pullet.analysis.diagnosis.names import distribution_of

_GONE = frozenset({"asynchat", "asyncore", "cgi", "cgitb", "distutils", "imp", "smtpd", "telnetlib", "tomllib"})
_STANDARD = sys.stdlib_module_names | _GONE | {"__future__", "__main__"}
_TYPING = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING"})
_LISTS = frozenset({"INSTALLED_APPS", "THIRD_PARTY_APPS", "DJANGO_APPS", "MIDDLEWARE"})
"""Settings of Django that name modules as texts."""
_COMES_WITH = {
    # what is imported -> what the library itself imports only when that is used
    "fastapi.File": "python-multipart",
    "fastapi.Form": "python-multipart",
    "fastapi.UploadFile": "python-multipart",
    "fastapi.security.OAuth2PasswordRequestForm": "python-multipart",
    "fastapi.templating.Jinja2Templates": "jinja2",
    "starlette.templating.Jinja2Templates": "jinja2",
    "pydantic.EmailStr": "email-validator",
}
_NAMES = 200  # imported by one repository


class Found(NamedTuple):
    name: str
    """As it is imported or listed."""
    requirement: str
    """Empty: not known well enough to be installed."""
    path: str
    line: int


def imported(repository: Repository) -> tuple[Found, ...]:
    """One entry a distribution, or a module that is not known, by the place nearest to the root."""
    found: dict[str, Found] = {}
    for path in repository.python_files:
        tree = repository.module(path)
        for name, line in _names(tree) if tree else ():
            each = _found(repository, name, path, line)
            if each and len(found) < _NAMES:
                found.setdefault(each.requirement or each.name, each)
    return tuple(found.values())


def _found(repository: Repository, name: str, path: str, line: int) -> Found | None:
    top = name.partition(".")[0]
    if name in _COMES_WITH:
        return Found(name, _COMES_WITH[name], path, line)
    if not top.isidentifier() or top in _STANDARD or _is_own(repository, top, path):
        return None
    return Found(top, distribution_of(top), path, line)


def _is_own(repository: Repository, top: str, path: str) -> bool:
    """Whether the repository has a module of this name where the importing file, or a server, could find it."""
    folder = folder_of(path)
    for base in _bases(folder):
        stem = top if base == "." else f"{base}/{top}"
        if f"{stem}.py" in repository.paths or f"{stem}/__init__.py" in repository.paths:
            return True
        # a folder without __init__.py: `fastapi/main.py` does not import itself
        if stem in repository.packages and not f"{folder}/".startswith(f"{stem}/"):
            return True
    return False


def _bases(folder: str) -> Iterator[str]:
    yield from (".", "src")
    while folder != ".":
        yield folder
        folder = folder_of(folder)


def _names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Modules, and names in modules, that have to be there; not those that something stands in for."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, node.lineno) for alias in names)
            case ast.ImportFrom(module=str() as module, level=0, names=names):
                yield from ((name, node.lineno) for name in (module, *(f"{module}.{alias.name}" for alias in names)))
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() | ast.Tuple() as value) if name in _LISTS:
                yield from ((text, each.lineno) for each in value.elts if (text := literal_text(each)))
            case ast.Try(handlers=handlers, orelse=orelse, finalbody=last) if any(map(_is_for_imports, handlers)):
                stack.extend(reversed([*orelse, *last]))
                continue
            case ast.If(test=test, orelse=orelse) if dotted_name(test) in _TYPING:
                stack.extend(reversed(orelse))
                continue
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _is_for_imports(handler: ast.ExceptHandler) -> bool:
    """One that ends in an error of its own, as in every manage.py, stands in for nothing."""
    several = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {dotted_name(each) if each else "Exception" for each in several}
    ends = any(isinstance(each, ast.Raise) for each in handler.body)
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception"}) and not ends
