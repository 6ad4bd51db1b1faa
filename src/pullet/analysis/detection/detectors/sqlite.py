"""SQLite databases that an app keeps in files: Django's DATABASES, URLs such as SQLAlchemy's, sqlite3.connect."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from pullet.analysis.detection.application import above_packages
from pullet.analysis.detection.detectors import django
from pullet.analysis.detection.folders import NOT_KEPT, kept
from pullet.analysis.detection.repository import Repository, dotted_name, folder_of, literal_text
from pullet.domain.app import Confidence, Evidence

DEFAULT, OWN = "fact.sqlite.default", "fact.sqlite.own"
"""Subjects: what a database server would be used instead of, and what is SQLite in any case. The value is the file,
empty where it cannot be kept."""

_DETECTOR = "SQLite"
_TELLING = re.compile("sqlite", re.IGNORECASE)
_URL = re.compile(r"sqlite(?:\+[a-z]{1,20})?:///(?P<path>[^?#]{0,300})(?:[?#].{0,300})?")
_ENGINES = ("django.db.backends.sqlite3", "django.contrib.gis.db.backends.spatialite")
_FALLBACKS = frozenset({"get", "getenv", "env", "config", "str", "path"})
_UNKNOWN = "/unknown"  # any path outside
_LIMIT = 50  # pieces of evidence
_NAMES = 5  # that stand for one another
_NO_PATHS = ("/", ":memory:", "file:")


def detect(repository: Repository) -> Iterable[Evidence]:
    return islice(_found(repository), _LIMIT)


def _found(repository: Repository) -> Iterator[Evidence]:
    settings = django.settings_of(repository)
    if settings is not None:
        yield from _django(repository, settings)
    own = [path for path in repository.python_files if settings is None or path not in settings.paths]
    instance = _instance_folder(repository)
    relative_to = instance if any("flask_sqlalchemy" in repository.text(path) for path in own) else "."
    for path in own:
        if _TELLING.search(repository.text(path)) and (tree := repository.module(path)):
            values = _assigned(tree)
            scope = (values, dict.fromkeys(values, path), path)
            if settings is None:  # the settings of a Django project know where its database is
                yield from _urls(repository, tree, scope, relative_to)
            yield from _connections(repository, tree, scope, instance)


_Scope = tuple[Mapping[str, ast.expr], Mapping[str, str], str]


def _django(repository: Repository, settings: django.Settings) -> Iterator[Evidence]:
    """DATABASES as it stands last; where it is assigned under conditions, all that it can be."""
    if (databases := settings.values.get("DATABASES")) is not None:
        places = [(settings.files["DATABASES"], _walk(databases))]
    else:
        trees = ((path, repository.module(path)) for path in settings.paths)
        places = [(path, _walk(tree)) for path, tree in trees if tree and "DATABASES" in repository.text(path)]
    for path, nodes in places:
        scope = (settings.values, settings.files, path)
        for node in nodes:
            if isinstance(node, ast.Dict) and (name := _sqlite_name(node)):
                yield from _kept(repository, DEFAULT, name, scope)
            elif isinstance(node, ast.expr) and _is_url(node):
                yield from _url(repository, node, scope, ".")


def _sqlite_name(node: ast.Dict) -> ast.expr | None:
    entries = {literal_text(key): value for key, value in zip(node.keys, node.values, strict=True)}
    engine = _fallback(entries["ENGINE"]) if "ENGINE" in entries else None
    return entries.get("NAME") if literal_text(engine) in _ENGINES else None


def _urls(repository: Repository, tree: ast.Module, scope: _Scope, instance: str | None) -> Iterator[Evidence]:
    direct = {id(url) for node in ast.walk(tree) if (url := _engine_url(node))}
    for node in _walk(tree):
        if isinstance(node, ast.expr) and _is_url(node):
            yield from _url(repository, node, scope, "." if id(node) in direct else instance)


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, but those of classes made for tests and the parts of a URL."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if not (isinstance(node, ast.ClassDef) and node.name.startswith("Test")) and not _is_url(node):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _engine_url(node: ast.AST) -> ast.expr | None:
    """What SQLAlchemy itself opens: relative to where the app runs, whatever Flask does with its own."""
    if isinstance(node, ast.Call) and node.args and dotted_name(node.func).endswith(("create_engine", "async_engine")):
        return node.args[0]
    return None


def _is_url(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str() as text):
            return _URL.fullmatch(text) is not None and not text.endswith(":///")
        case ast.JoinedStr(values=[first, _, *_]) | ast.BinOp(left=first, op=ast.Add()):
            return bool(_URL.fullmatch(literal_text(first) or ""))
    return False


def _url(repository: Repository, node: ast.expr, scope: _Scope, instance: str | None) -> Iterator[Evidence]:
    """`instance`: what relative paths start from; None where that is not known."""
    path, scope = _resolved(_path_of(node), scope)
    text = literal_text(path)
    if text and not text.startswith(_NO_PATHS):
        path = _text_at(node, f"{instance}/{text}" if instance else _UNKNOWN)
    yield from _kept(repository, DEFAULT, path, scope)


def _path_of(node: ast.expr) -> ast.expr:
    """The path in a URL: a literal, or the expressions that follow `sqlite:///`, joined."""
    match node:
        case ast.Constant(value=str() as text):
            return _text_at(node, _URL.sub(r"\g<path>", text))
        case ast.BinOp(left=ast.Constant(value=str() as prefix), right=path) if prefix.endswith(":///"):
            return path
        case ast.JoinedStr(values=[ast.Constant(value=str() as prefix), ast.FormattedValue(value=path), *rest]) if (
            prefix.endswith(":///")
        ):
            texts = [literal_text(part) or "" for part in rest]
            steps = [_text_at(node, text.strip("/").partition("?")[0]) for text in texts if text[:1] != "?"]
            known = all(text[:1] in ("/", "?") for text in texts)
            return _joined(node, path, steps) if known else _text_at(node, _UNKNOWN)
    return _text_at(node, _UNKNOWN)


def _joined(node: ast.expr, path: ast.expr, steps: list[ast.expr]) -> ast.expr:
    for step in steps:
        path = ast.copy_location(ast.BinOp(path, ast.Div(), step), node)
    return path


def _text_at(node: ast.expr, text: str) -> ast.expr:
    return ast.copy_location(ast.Constant(text), node)


def _connections(repository: Repository, tree: ast.Module, scope: _Scope, instance: str | None) -> Iterator[Evidence]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted_name(node.func) in ("sqlite3.connect", "aiosqlite.connect"):
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "database")]
            for path in given[:1]:
                yield from _kept(repository, OWN, path, scope)
        elif name := _in_instance_folder(node):
            yield from _kept(repository, OWN, _text_at(name, f"{instance or _UNKNOWN}/{literal_text(name)}"), scope)


def _in_instance_folder(node: ast.AST) -> ast.Constant | None:
    """The file in `os.path.join(app.instance_path, "shop.sqlite")`."""
    match node:
        case ast.Call(args=[ast.Attribute(attr="instance_path"), ast.Constant(value=str() as text) as name]):
            return name if text.endswith((".db", ".sqlite", ".sqlite3")) else None
    return None


def _kept(repository: Repository, subject: str, path: ast.expr, scope: _Scope) -> Iterator[Evidence]:
    path, (values, files, file) = _resolved(path, scope)
    text = literal_text(path)
    if text is not None and (not text or ":memory:" in text or "mode=memory" in text):
        return
    path = _text_at(path, _UNKNOWN) if text and text.startswith("file:") else path
    found = kept(path, values, files, file, repository.python_files)
    because = f"{file} works on SQLite" + ("" if found else " in a file" + NOT_KEPT)
    place = repository.place(file, getattr(path, "lineno", 0))
    yield Evidence(subject, found, place, Confidence.LIKELY, _DETECTOR, because)


def _resolved(path: ast.expr, scope: _Scope) -> tuple[ast.expr, _Scope]:
    """What a name stands for, and the scope it is in; what stands there by default of a variable."""
    values, files, file = scope
    for _ in range(_NAMES):
        path = _fallback(path)
        if not isinstance(path, ast.Name) or path.id not in values:
            break
        file, path = files[path.id], values[path.id]
    return path, (values, files, file)


def _fallback(node: ast.expr) -> ast.expr:
    """What stands where the environment says nothing: `os.environ.get("PATH", here)`, `os.getenv("PATH") or here`."""
    match node:
        case ast.BoolOp(op=ast.Or(), values=[*_, last]):
            return last
        case ast.Call(func=function, args=[_, *rest], keywords=keywords):
            name = function.attr if isinstance(function, ast.Attribute) else dotted_name(function)
            given = [*rest, *(keyword.value for keyword in keywords if keyword.arg == "default")]
            return given[0] if name in _FALLBACKS and given else node
    return node


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What the names of a module stand for; also those of classes, as configurations are often written."""
    found: dict[str, ast.expr] = {}
    for statement in (
        *tree.body,
        *(inner for node in tree.body if isinstance(node, ast.ClassDef) for inner in node.body),
    ):
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                found[name] = value
    return found


def _instance_folder(repository: Repository) -> str | None:
    """Flask's instance folder, which lies beside the outermost package, and from which Flask-SQLAlchemy starts relative
    paths; None where it is set by hand."""
    texts = {path: repository.text(path) for path in repository.python_files}
    if any("instance_path=" in text for text in texts.values()):
        return None
    folders = [above_packages(repository, folder_of(path)) for path, text in texts.items() if "Flask(" in text]
    return f"{folders[0]}/instance" if folders and folders[0] != "." else "instance"
