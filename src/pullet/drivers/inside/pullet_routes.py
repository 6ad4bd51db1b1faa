"""Writes down the routes that an app declares: `python pullet_routes.py MODULE:NAME…`, in the app's own interpreter.

Flask's url_map, Django's URL resolver, the routes of Starlette and FastAPI. The first of the names given that leads to
an application counts. What the app prints goes to standard error; the answer, JSON, is alone on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple  # noqa: UP035 - Python 3.8 too

_MOST = 2000
_DEEP = 12
_KINDS = {"Integer": "int", "Int": "int", "Float": "float", "UUID": "uuid", "Path": "path"}
_SERVES_FILES = ("django.views.static", "django.contrib.staticfiles.views")
_WRAPPED = ("app", "wsgi_app", "application", "wrapped_app")


def _kind(converter: Any) -> str:
    name = type(converter).__name__
    if name == "AnyConverter":
        return "any:" + "|".join(sorted(getattr(converter, "items", ("a",))))
    return _KINDS.get(re.sub(r"Convert[eo]r$", "", name), "str")


def _hole(name: str, kinds: Dict[str, str]) -> str:  # noqa: UP006
    return "{" + name + ":" + kinds.get(name, "str") + "}"


def _holes(kinds: Dict[str, str]) -> Callable[[Any], str]:  # noqa: UP006
    """For a match whose first group is a parameter's name."""
    return lambda part: _hole(part[1], kinds)


def _route(template: str, methods: Iterable[str] | None, parameters: Iterable[str] = (), static: bool = False) -> Any:
    plain = sorted(set(methods or ("GET",)) - {"HEAD", "OPTIONS"}) or ["GET"]
    return {"template": template or "/", "methods": plain, "parameters": list(parameters), "static": static}


def of_flask(app: Any) -> Iterator[Any]:
    for rule in app.url_map.iter_rules():
        kinds = {name: _kind(converter) for name, converter in rule._converters.items()}
        template = re.sub(r"<(?:[^<>]*:)?(\w+)>", _holes(kinds), rule.rule)
        yield _route(template, rule.methods, (), rule.endpoint.endswith("static"))


def of_starlette(routes: Iterable[Any], prefix: str = "", depth: int = 0) -> Iterator[Any]:
    for route in routes if depth < _DEEP else ():
        path = prefix + getattr(route, "path", "")
        if getattr(route, "routes", None):
            yield from of_starlette(route.routes, path, depth + 1)
        elif getattr(route, "methods", None) or (hasattr(route, "endpoint") and "Socket" not in type(route).__name__):
            yield _of_endpoint(route, path)
        elif type(getattr(route, "app", None)).__name__ == "StaticFiles":
            yield _route(path + "/{path:path}", ("GET",), (), True)


def _of_endpoint(route: Any, path: str) -> Any:
    kinds = {name: _kind(each) for name, each in getattr(route, "param_convertors", {}).items()}
    wanted = getattr(route, "dependant", None)  # FastAPI's
    for field in getattr(wanted, "path_params", ()):
        kinds[field.alias] = _annotated(field, kinds.get(field.alias, "str"))
    template = re.sub(r"\{(\w+)(?::\w+)?\}", _holes(kinds), path)
    return _route(template, route.methods, [field.alias for field in getattr(wanted, "query_params", ())])


def _annotated(field: Any, known: str) -> str:
    kind = getattr(field, "type_", None) or getattr(field.field_info, "annotation", None)
    named = {"int": "int", "float": "float", "UUID": "uuid", "date": "date"}
    return named.get(getattr(kind, "__name__", ""), known)


def of_django() -> Iterator[Any]:
    urls = importlib.import_module("django.urls")
    yield from _of_patterns(urls.get_resolver().url_patterns, "/", 0)


def _of_patterns(patterns: Iterable[Any], prefix: str, depth: int) -> Iterator[Any]:
    for each in patterns if depth < _DEEP else ():
        template = prefix + _of_pattern(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from _of_patterns(each.url_patterns, template, depth + 1)
        else:
            static = getattr(each.callback, "__module__", "") in _SERVES_FILES
            yield _route(template, _methods(each.callback), (), static)


def _of_pattern(pattern: Any) -> str:
    if hasattr(pattern, "language_prefix"):
        return str(pattern.language_prefix)
    if hasattr(pattern, "_route"):
        kinds = {name: _kind(each) for name, each in pattern.converters.items()}
        return re.sub(r"<(?:[^>:]+:)?(\w+)>", _holes(kinds), str(pattern._route))
    regex = pattern.regex.pattern
    possible = importlib.import_module("django.utils.regex_helper").normalize(regex)
    text, names = possible[0] if possible else ("", [])
    numbers = {name for name in names if re.search(r"\(\?P<" + re.escape(name) + r">(?:\\d|\[0-9\])", regex)}
    return re.sub(r"%\((\w+)\)s", _holes(dict.fromkeys(numbers, "int")), text)


def _methods(view: Any) -> Tuple[str, ...]:  # noqa: UP006
    if getattr(view, "actions", None):  # a view set of Django REST framework
        return tuple(name.upper() for name in view.actions)
    of_class = getattr(view, "view_class", None)
    if of_class is None:
        return ("GET",)  # a function does not say; its answer does
    return tuple(name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(of_class, name))


def _application(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.partition("(")[0].split("."):
        found = getattr(found, part)
    is_factory = type(found).__name__ == "function" and found.__code__.co_argcount == 0
    return found() if attribute.endswith(")") or is_factory else found


def _routes_of(app: Any) -> Optional[Iterator[Any]]:  # noqa: UP045
    """Through layers of middleware, to what declares routes."""
    for _ in range(_DEEP):
        if hasattr(app, "url_map"):
            return of_flask(app)
        if isinstance(getattr(app, "routes", None), (list, tuple)):
            return of_starlette(app.routes)
        app = next((getattr(app, name) for name in _WRAPPED if hasattr(app, name)), None)
        app = getattr(app, "__self__", app)  # Flask's wsgi_app is a method
    django = sys.modules.get("django.conf")
    return of_django() if django is not None and django.settings.configured else None


def routes(names: List[str]) -> Any:  # noqa: UP006
    """What is written down: the routes, or why they are not known."""
    if not names:
        return _of_django_settings("no application is named")
    why = []
    for name in names:
        try:
            found = _routes_of(_application(name))
            if found is not None:
                return {"routes": list(found)[:_MOST], "why": ""}
            why.append(f"{name} declares no routes that Pullet can read")
        except Exception as err:
            why.append(f"{name}: {type(err).__name__}: {str(err)[:300]}")
    return _of_django_settings(why[0])


def _of_django_settings(why: str) -> Any:
    try:
        if os.environ.get("DJANGO_SETTINGS_MODULE"):
            importlib.import_module("django").setup()
            return {"routes": list(of_django())[:_MOST], "why": ""}
    except Exception as err:
        why = f"Django: {type(err).__name__}: {str(err)[:300]}"
    return {"routes": [], "why": why}


if __name__ == "__main__":
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path[0] = os.getcwd()  # noqa: PTH109 - a path of Python's own
    json.dump(routes(sys.argv[1:]), answer)
    answer.flush()
    os._exit(0)  # threads that an app has started do not hold it up
