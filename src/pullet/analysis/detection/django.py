"""Django projects: manage.py names the settings, the settings name the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from pullet.analysis.detection.repository import Repository, assigned_names
from pullet.domain.app import Confidence, Evidence, Place

_VARIABLE = "DJANGO_SETTINGS_MODULE"


@dataclass(frozen=True)
class DjangoProject:
    settings: str
    """Module, e.g. `shop.settings`."""
    place: Place
    wsgi: str | None
    """Path of wsgi.py."""
    asgi: str | None
    static: tuple[str, str] | None
    """(URL prefix, folder)."""
    collects: Place | None
    """Where STATIC_ROOT is set."""


def find_django(repository: Repository) -> DjangoProject | None:
    """None without a manage.py that names its settings."""
    named = _settings_module(repository)
    if named is None:
        return None
    settings, place = named
    package = settings.split(".", 1)[0] if ".settings" not in settings else settings.rsplit(".settings", 1)[0]
    folder = package.replace(".", "/")
    root, url = _static_settings(repository, settings)
    return DjangoProject(
        settings=settings,
        place=place,
        wsgi=_existing(repository, f"{folder}/wsgi.py", f"src/{folder}/wsgi.py"),
        asgi=_existing(repository, f"{folder}/asgi.py", f"src/{folder}/asgi.py"),
        static=(url, root[0]) if root is not None and root[0] and url else None,
        collects=root[1] if root is not None else None,
    )


def django_evidence(project: DjangoProject) -> Iterator[Evidence]:
    """What a Django project wants beyond a web process."""
    if project.collects is not None:
        yield Evidence(
            "build.commands",
            "python manage.py collectstatic --noinput",
            project.collects,
            Confidence.LIKELY,
            "django",
            "the settings have a STATIC_ROOT",
        )
    if project.static is not None and project.collects is not None:
        url, folder = project.static
        yield Evidence(
            "static", f"{url} {folder}", project.collects, Confidence.LIKELY, "django", "collected files are static"
        )
    yield Evidence(
        "release.commands",
        "python manage.py migrate --noinput",
        project.place,
        Confidence.LIKELY,
        "django",
        "manage.py is Django's",
    )


def _settings_module(repository: Repository) -> tuple[str, Place] | None:
    tree = repository.tree("manage.py")
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.Call) or len(node.args) != 2:
            continue
        name, value = node.args
        if _is_text(name, _VARIABLE) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value, Place("manage.py", node.lineno)
    return None


def _is_text(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _static_settings(repository: Repository, settings: str) -> tuple[tuple[str, Place] | None, str]:
    """((STATIC_ROOT relative to the root or empty, where it is set), STATIC_URL as a prefix)."""
    root: tuple[str, Place] | None = None
    url = "/static"
    for path in _settings_files(repository, settings):
        tree = repository.tree(path)
        for node in tree.body if tree is not None else ():
            if not isinstance(node, ast.Assign):
                continue
            names = set(assigned_names(node))
            if "STATIC_ROOT" in names:
                root = _folder(node.value), Place(path, node.lineno)
            elif "STATIC_URL" in names and isinstance(node.value, ast.Constant):
                url = "/" + str(node.value.value).strip("/")
    return root, url if url != "/" and "://" not in url else ""


def _settings_files(repository: Repository, settings: str) -> list[str]:
    """The module itself, or every module of its package (base first: later ones refine)."""
    path = settings.replace(".", "/")
    folder = path.rsplit("/", 1)[0] + "/" if "/settings/" in path + "/" else path + "/"
    return [
        name
        for name in repository.python_files()
        if name.removeprefix("src/") == f"{path}.py"
        or ("settings/" in name and name.removeprefix("src/").startswith(folder))
    ]


def _folder(node: ast.expr) -> str:
    """`BASE_DIR / "staticfiles"`, `os.path.join(BASE_DIR, "staticfiles")`, `"staticfiles"`: the last plain texts."""
    match node:
        case ast.Constant(value=str(text)):
            return text.strip("/") if not text.startswith("/") else ""
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(text))):
            return f"{_folder(left)}/{text}".strip("/") if isinstance(left, ast.BinOp) else text.strip("/")
        case ast.Call(func=ast.Attribute(attr="join"), args=[_, *rest]):
            texts = [part.value for part in rest if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            return "/".join(texts).strip("/") if len(texts) == len(rest) else ""
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return _folder(inner)
        case _:
            return ""


def _existing(repository: Repository, *paths: str) -> str | None:
    return next((path for path in paths if path in repository.paths), None)
