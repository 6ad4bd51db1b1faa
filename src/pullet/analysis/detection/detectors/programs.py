"""Programs that serve by themselves: scripts that start a server, Streamlit and its like, packages with __main__.py.

They count only where nothing is found that a server of ours could be pointed at: a program keeps its own way of
serving, often one for development.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from shlex import quote

from pullet.analysis.detection.application import module_name
from pullet.analysis.detection.detectors.entry_points import STEMS, UNUSUAL
from pullet.analysis.detection.repository import Repository, dotted_name, folder_of
from pullet.domain.app import Confidence, Evidence

SUBJECT = "program"
_DETECTOR = "programs"
_DEPTH = 2  # folders above a script

# What is imported -> the command that shows it; {file} is replaced. Their pages are the script itself.
_SHOWN = {
    "streamlit": "streamlit run {file}",
    "chainlit": "chainlit run {file}",
    "solara": "solara run {file}",
    "mesop": "mesop {file}",
    "shiny": "shiny run {file}",
    "panel": "panel serve {file}",
    "bokeh": "bokeh serve {file}",
    "marimo": "marimo run {file}",
}
_ONLY_WHERE = {
    # words that tell a page from other code that imports the package
    "shiny": ("shiny.express", "App("),
    "panel": (".servable(",),
    "bokeh": ("curdoc(",),
    "marimo": ("marimo.App(",),
}
_SHOWN_FIRST = ("streamlit_app", "app", "main", "home", "dashboard")
# What is imported -> the functions and methods by which a script serves with it.
_SERVING = {
    "aiohttp": ("run_app",),
    "bottle": ("run",),
    "cheroot": ("start",),
    "cherrypy": ("quickstart",),
    "dash": ("run", "run_server"),
    "eventlet": ("server",),
    "fasthtml": ("serve",),
    "flask": ("run",),
    "flet": ("app", "run"),
    "gevent": ("serve_forever",),
    "gradio": ("launch",),
    "http.server": ("serve_forever",),
    "hypercorn": ("serve", "run"),
    "justpy": ("justpy",),
    "litserve": ("run",),
    "microdot": ("run",),
    "nicegui": ("run",),
    "pywebio": ("start_server",),
    "quart": ("run",),
    "robyn": ("start",),
    "sanic": ("run", "serve", "prepare"),
    "socketserver": ("serve_forever",),
    "taipy": ("run",),
    "tornado": ("listen", "bind", "start"),
    "uvicorn": ("run",),
    "vizro": ("run",),
    "waitress": ("serve",),
    "web": ("run",),
    "websockets": ("serve",),
    "werkzeug": ("run_simple",),
    "wsgiref": ("serve_forever",),
}
_TELLING = re.compile(
    rf"^[ \t]*(?:from|import)[ \t]+(?:{'|'.join(map(re.escape, (*_SHOWN, *_SERVING)))})\b", re.MULTILINE
)


def detect(repository: Repository) -> Iterable[Evidence]:
    for path in repository.python_files:
        if path.count("/") <= _DEPTH and _TELLING.search(repository.text(path)):
            yield from _programs(repository, path)


def rank(evidence: Evidence) -> tuple[int, ...]:
    """Smaller is better: files near the top, of a usual name."""
    path = PurePosixPath(evidence.place.path)
    stem = path.stem.lower()
    shown = _SHOWN_FIRST.index(stem) if stem in _SHOWN_FIRST else len(_SHOWN_FIRST)
    first = any(evidence.value.startswith(command.partition(" {")[0]) for command in _SHOWN.values())
    return (len(path.parts), shown if first else STEMS.get(stem, UNUSUAL))


def _programs(repository: Repository, path: str) -> Iterator[Evidence]:
    tree = repository.module(path)
    imported = set(imported_names(tree)) if tree else set()
    for package, command in _SHOWN.items():
        words = _ONLY_WHERE.get(package)
        if words and not any(word in repository.text(path) for word in words):
            continue
        if package in imported and "pages" not in PurePosixPath(path).parts[:-1]:
            because = f"{path} is a page of {package.title()}"
            yield _say(repository, path, 1, command.format(file=quote(path)), because, Confidence.LIKELY)
            return
    call = serving_call(tree, imported) if tree else None
    if tree and call and (_is_run_as_a_program(tree) or _last_name(call) in ("launch", "serve")):
        because = f"{path} serves when it is run: {dotted_name(call.func) or 'it'}()"
        yield _say(repository, path, call.lineno, _started(repository, path), because, Confidence.POSSIBLE)


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            yield from {name, name.partition(".")[0]}


def serving_call(tree: ast.Module, imported: Iterable[str]) -> ast.Call | None:
    """The call that serves, anywhere in the module: often in a function that a guard at its end calls."""
    there = set(imported)
    wanted = {name for package, names in _SERVING.items() if package in there for name in names}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call)) if wanted else ()
    return next((call for call in calls if _last_name(call) in wanted), None)


def _last_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else dotted_name(call.func)


def _is_run_as_a_program(tree: ast.Module) -> bool:
    """It has a guard for that, or does something when it is loaded: a mere call at the top."""
    return any(
        (isinstance(node, ast.If) and "__name__" in ast.dump(node.test))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in tree.body
    )


def _started(repository: Repository, path: str) -> str:
    """`python -m` for a package's __main__.py and for scripts that are part of a package, else by path."""
    inside = PurePosixPath(path)
    package = folder_of(path) != "." and f"{folder_of(path)}/__init__.py" in repository.paths
    module = module_name(path, "src" if path.startswith("src/") else ".") if package else None
    if module is None:
        return f"python {quote(path)}"
    return f"python -m {module.removesuffix('.__main__') if inside.stem == '__main__' else module}"


def _say(repository: Repository, path: str, line: int, command: str, because: str, confidence: Confidence) -> Evidence:
    return Evidence(SUBJECT, command, repository.place(path, line), confidence, _DETECTOR, because)
