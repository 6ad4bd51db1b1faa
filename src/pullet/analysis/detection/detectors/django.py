"""Django: the settings module, WSGI or ASGI, static files, migrations. Told from syntax trees of manage.py, wsgi.py,
asgi.py and the settings; a manage.py that does not speak of Django's settings is somebody else's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from shlex import quote

from pullet.analysis.detection import vendors
from pullet.analysis.detection.application import WSGI, Application
from pullet.analysis.detection.detectors import entry_points
from pullet.analysis.detection.detectors.dependencies import requirements
from pullet.analysis.detection.folders import NOT_KEPT, folder_in_repository, kept
from pullet.analysis.detection.repository import Repository, folder_of, literal_text
from pullet.analysis.detection.texts import text_of
from pullet.domain.app import Confidence, Evidence

INTERFACE_SUBJECT = "interface"
VOLUME = "fact.volume"
"""Subject; the value is a folder, or empty where it cannot be kept."""
_DETECTOR = "Django"
_SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
_MANIFESTS = ("staticfiles.json", "manifest.json")
_MANIFEST_STORAGE = re.compile(r"Manifest\w*Storage|\bdjango_(?:on_)?heroku\b")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,9}")
_DEPTH = 3  # folders above manage.py
_SETTINGS_FILES = 6  # a settings module and those that it star-imports


@dataclass(frozen=True)
class _Project:
    """A Django project: the folder of its manage.py and what that says."""

    manage: str
    settings: str
    line: int

    @property
    def folder(self) -> str:
        return folder_of(self.manage)

    def inside(self, path: str) -> str:
        return path if self.folder == "." else f"{self.folder}/{path}"


@dataclass
class Settings:
    """Top-level assignments of a settings module, later ones winning, with the file that each is in."""

    module: str
    values: dict[str, ast.expr] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def detect(repository: Repository) -> Iterable[Evidence]:
    project = _project(repository)
    if project is None:
        return
    module, place = _settings_module(repository, project)
    if not any(_SETTINGS_VARIABLE in repository.text(path) for path in _entries(repository)):
        because = f"{project.manage} names it, and no module for servers does"
        yield _say(repository, f"variables.{_SETTINGS_VARIABLE}", module, place, because)
        yield from _own_factory(repository, project)
    elif module != project.settings:
        because = f"{place[0]} sets {_SETTINGS_VARIABLE}, unlike {project.manage}"
        yield _say(repository, f"variables.{_SETTINGS_VARIABLE}", module, place, because)
    settings = _read_settings(repository, project, module)
    yield from _interface(repository, settings)
    yield from _static(repository, project, settings)
    yield from _media(repository, settings)
    yield from _migrate(repository, project, settings)


def settings_of(repository: Repository) -> Settings | None:
    """The settings that a Django project is served with; None where there is no project. Several detectors ask."""
    return repository.once(_served_settings)


def _served_settings(repository: Repository) -> Settings | None:
    project = _project(repository)
    return _read_settings(repository, project, _settings_module(repository, project)[0]) if project else None


def _entries(repository: Repository) -> list[str]:
    return [path for path in repository.python_files if PurePosixPath(path).name in ("wsgi.py", "asgi.py")]


def _own_factory(repository: Repository, project: _Project) -> Iterator[Evidence]:
    """A project without wsgi.py and asgi.py is served by what those would call."""
    if not _entries(repository):
        factory = Application(WSGI, "django.core.wsgi", "get_wsgi_application", True, project.folder)
        place = (project.manage, project.line)
        because = f"{project.manage} is Django's, and there is no wsgi.py"
        yield _say(repository, entry_points.SUBJECT, str(factory), place, because, Confidence.POSSIBLE)


def _project(repository: Repository) -> _Project | None:
    """The one of the nearest manage.py; none where several are as near and no other platform's file or server's module
    could say which."""
    found = [
        _Project(path, *setting) for path in _managers(repository) if (setting := _default_settings(repository, path))
    ]
    nearest = [project for project in found if project.manage.count("/") == found[0].manage.count("/")]
    return nearest[0] if len(nearest) == 1 else None


def _managers(repository: Repository) -> list[str]:
    found = (path for path in repository.python_files if PurePosixPath(path).name == "manage.py")
    return [path for path in found if path.count("/") <= _DEPTH]


def _default_settings(repository: Repository, path: str) -> tuple[str, int] | None:
    """The module in `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "…")` or an assignment to it, and its line."""
    if _SETTINGS_VARIABLE not in repository.text(path) or not (tree := repository.module(path)):
        return None
    values: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = value
                continue
            case ast.Call(args=[key, value, *_]):
                pair = (key, value)
            case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
                pair = (key, value)
            case _:
                continue
        module = text_of(pair[1], values)
        if literal_text(pair[0]) == _SETTINGS_VARIABLE and module and _MODULE.fullmatch(module):
            return module, node.lineno
    return None


def _settings_module(repository: Repository, project: _Project) -> tuple[str, tuple[str, int]]:
    """What another platform's file sets is set here too. Else wsgi.py knows better than manage.py, which developers
    use: there the two often differ on purpose."""
    if told := min(_told(repository), key=lambda found: found.confidence, default=None):  # `likely` before `possible`
        return told.value, (told.place.path.removeprefix(f"{repository.root}/"), told.place.line)
    package = project.inside(project.settings.split(".", 1)[0])
    for path in (f"{package}/wsgi.py", f"{package}/asgi.py"):
        if setting := _default_settings(repository, path):
            return setting[0], (path, setting[1])
    return project.settings, (project.manage, project.line)


def _told(repository: Repository) -> Iterator[Evidence]:
    said = (found for found in vendors.detect(repository) if found.subject == f"variables.{_SETTINGS_VARIABLE}")
    return (found for found in said if _MODULE.fullmatch(found.value))


def _read_settings(repository: Repository, project: _Project, module: str) -> Settings:
    settings = Settings(module)
    _add_settings(repository, project, module, settings, set())
    return settings


def _add_settings(repository: Repository, project: _Project, module: str, settings: Settings, seen: set[str]) -> None:
    stem = project.inside(module.replace(".", "/"))
    path = f"{stem}.py" if f"{stem}.py" in repository.paths else f"{stem}/__init__.py"
    tree = repository.module(path)
    if module in seen or len(seen) == _SETTINGS_FILES or tree is None:
        return
    seen.add(module)
    settings.texts.append(repository.text(path))
    settings.paths.append(path)
    is_package = path.endswith("/__init__.py")
    own: set[str] = set()
    for statement, sure in _statements(tree.body):
        match statement:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                if source := _absolute(statement, module, is_package):
                    _add_settings(repository, project, source, settings, seen)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if sure or name not in own:
                own.add(name)
                settings.values[name] = value
                settings.files[name] = path


def _statements(body: Sequence[ast.stmt], sure: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """In order, with whether they are reached whatever the place. What is for development only is left out."""
    for statement in body:
        match statement:
            case ast.If(test=test, body=then, orelse=otherwise):
                taken = otherwise if _is_debug(test) else [*then, *otherwise]
                yield from _statements(taken, sure=False)
            case ast.Try(body=tried, handlers=handlers):
                yield from _statements([*tried, *(each for handler in handlers for each in handler.body)], sure=False)
            case _:
                yield statement, sure


def _is_debug(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "DEBUG"


def _absolute(statement: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not statement.level:
        return statement.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - statement.level + (1 if is_package else 0)]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _interface(repository: Repository, settings: Settings) -> Iterator[Evidence]:
    """ASGI where somebody chose it. WSGI_APPLICATION says nothing: every new project has it."""
    node = settings.values.get("ASGI_APPLICATION")
    if node is not None:
        place = (settings.files["ASGI_APPLICATION"], node.lineno)
        yield _say(repository, INTERFACE_SUBJECT, "asgi", place, "the settings have ASGI_APPLICATION")
        return
    for requirement in requirements(repository):
        if requirement.name.partition("[")[0] in ("channels", "daphne"):
            place = (requirement.path, requirement.line)
            yield _say(repository, INTERFACE_SUBJECT, "asgi", place, f"{requirement.name} is among the dependencies")
            return


def _static(repository: Repository, project: _Project, settings: Settings) -> Iterator[Evidence]:
    """collectstatic and a mount, where STATIC_ROOT lies in the repository; elsewhere nothing could be written."""
    root = settings.values.get("STATIC_ROOT")
    if root is None or not any("django.contrib.staticfiles" in text for text in settings.texts):
        return
    file = settings.files["STATIC_ROOT"]
    folder = folder_in_repository(root, settings.values, settings.files, file)
    if folder is None:
        return
    place = (file, root.lineno)
    yield from _collect(repository, project, settings, folder, place)
    if url := _static_url(settings.values.get("STATIC_URL")):
        yield _say(repository, f'static."{url}"', folder, place, "STATIC_ROOT and STATIC_URL of the settings")


def _collect(
    repository: Repository, project: _Project, settings: Settings, folder: str, place: tuple[str, int]
) -> Iterator[Evidence]:
    """Pages find their files through a manifest where there is one, so only there a failure has to stop the build."""
    if _is_all_that_is_left(repository, folder):
        return
    command = f"python {quote(project.manage)} collectstatic --noinput"
    if any(_MANIFEST_STORAGE.search(text) for text in settings.texts):
        because = "the settings have STATIC_ROOT, and a storage that needs its manifest"
    else:
        command, because = f"{command} || true", "the settings have STATIC_ROOT; without a manifest pages do without it"
    yield _say(repository, "build.commands", command, place, because)


def _is_all_that_is_left(repository: Repository, folder: str) -> bool:
    """What collectstatic once made is committed and its sources are not: another run would write an empty manifest."""
    if not any(f"{folder}/{name}" in repository.paths for name in _MANIFESTS):
        return False
    made = {PurePosixPath(path).name for path in repository.paths if path.startswith(f"{folder}/")}
    sources = (PurePosixPath(path).name for path in repository.paths if not path.startswith(f"{folder}/"))
    return made.isdisjoint(sources)


def _static_url(node: ast.expr | None) -> str | None:
    text = (literal_text(node) or "").strip("/")
    return f"/{text}" if re.fullmatch(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+){0,5}", text) and ".." not in text else None


def _media(repository: Repository, settings: Settings) -> Iterator[Evidence]:
    """Uploads. They are kept and never served by themselves: who may see them is for the app to say."""
    root = settings.values.get("MEDIA_ROOT")
    if root is None or literal_text(root) == "":
        return
    file = settings.files["MEDIA_ROOT"]
    folder = kept(root, settings.values, settings.files, file, repository.python_files)
    because = "MEDIA_ROOT of the settings" + ("" if folder else NOT_KEPT)
    yield _say(repository, VOLUME, folder, (file, root.lineno), because)


def _migrate(repository: Repository, project: _Project, settings: Settings) -> Iterator[Evidence]:
    if settings.texts and not any(
        "DATABASES" in text for text in settings.texts
    ):  # also where they stand under an `if`
        return
    place = (project.manage, project.line)
    command = f"python {quote(project.manage)} migrate --noinput"
    because = "a Django project with a database"
    yield _say(repository, "release.commands", command, place, because, Confidence.POSSIBLE)


def _say(
    repository: Repository,
    subject: str,
    value: str,
    place: tuple[str, int],
    because: str,
    confidence: Confidence = Confidence.LIKELY,
) -> Evidence:
    return Evidence(subject, value, repository.place(*place), confidence, _DETECTOR, because)
