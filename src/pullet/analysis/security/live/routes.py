"""The routes that an app declares, with which addresses they are tried, and which of them answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pullet.analysis.security.live.exchanges import Exchange
from pullet.analysis.security.live.pages import is_login_path
from pullet.domain.security import Coverage

MOST = 2000
_PART = re.compile(r"\{(?P<name>[^{}:]{1,100})(?::(?P<kind>[^{}]{0,200}))?\}")
_SAMPLES = {
    "int": "1",
    "float": "1.0",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "path": "a/b",
    "date": "2026-01-01",
}
_PATTERNS = {"int": "[0-9]+", "float": "[0-9.]+", "uuid": "[0-9a-fA-F-]{36}", "path": ".+"}
_LEAVING = re.compile(r"log-?_?out|sign-?_?out|logoff", re.IGNORECASE)
_CHANGING = re.compile(
    r"(?<![a-z])(?:delete|remove|destroy|reset|drop|purge|flush|shutdown|unsubscribe|cancel)(?![a-z])", re.IGNORECASE
)
_UNASKED = "it may change data, which a scan does not: test it by hand"
_SHOWN = 100


@dataclass(frozen=True)
class Route:
    template: str
    """`/orders/{id:int}`; kinds: int, float, uuid, path, str, `any:a|b`."""
    methods: tuple[str, ...] = ("GET",)
    parameters: tuple[str, ...] = ()
    """Names in the query."""
    excuse: str = ""
    """Why nobody need ask for it: a folder of files as they are, the framework's own pages."""

    @property
    def is_plain(self) -> bool:
        return "{" not in self.template

    def sample(self) -> str:
        """An address that the template takes."""
        return _PART.sub(lambda part: _sample(part["name"], part["kind"] or "str"), self.template)

    def takes(self, path: str) -> bool:
        pattern, at = "", 0
        for part in _PART.finditer(self.template):
            pattern += re.escape(self.template[at : part.start()]) + _PATTERNS.get(part["kind"] or "str", "[^/]+")
            at = part.end()
        return re.fullmatch(pattern + re.escape(self.template[at:]), path) is not None


def _sample(name: str, kind: str) -> str:
    if kind.startswith("any:"):
        return quote(kind.removeprefix("any:").split("|")[0])
    if kind == "str" and name.lower() in {"id", "pk"}:
        return "1"
    return _SAMPLES.get(kind, "a")


def routes_of_description(document: Mapping[str, object]) -> tuple[Route, ...]:
    """Of an OpenAPI document, as far as it is one."""
    paths = document.get("paths")
    found = []
    for path, operations in list(paths.items())[:MOST] if isinstance(paths, dict) else ():
        if isinstance(path, str) and path.startswith("/") and isinstance(operations, dict):
            methods = tuple(name.upper() for name in operations if name in {"get", "post", "put", "patch", "delete"})
            get = operations.get("get")
            found.append(Route(_typed(path, get), methods or ("GET",), tuple(_declared(get, "query"))))
    return tuple(found)


def _declared(operation: object, place: str) -> dict[str, str]:
    """Parameter -> its kind."""
    parameters = operation.get("parameters") if isinstance(operation, dict) else None
    found = {}
    for each in parameters[:100] if isinstance(parameters, list) else ():
        if isinstance(each, dict) and each.get("in") == place and isinstance(each.get("name"), str):
            schema = each["schema"] if isinstance(each.get("schema"), dict) else each
            found[each["name"]] = _kind(schema.get("type"), schema.get("format"))
    return found


def _kind(of: object, form: object) -> str:
    if of == "integer":
        return "int"
    if of == "number":
        return "float"
    return "uuid" if form == "uuid" else "str"


def _typed(path: str, operation: object) -> str:
    kinds = _declared(operation, "path")
    return re.sub(r"\{([^{}:]{1,100})\}", lambda part: f"{{{part[1]}:{kinds.get(part[1], 'str')}}}", path)


def merged(*groups: Iterable[Route]) -> tuple[Route, ...]:
    """Each address once: with the kinds that the first group says, and the parameters that any does."""
    found: dict[str, Route] = {}
    for route in (route for group in groups for route in group):
        key = _PART.sub("{}", route.template)
        old = found.get(key)
        if old is None:
            found[key] = route
        else:
            names = tuple(dict.fromkeys((*old.parameters, *route.parameters)))
            methods = tuple(sorted({*old.methods, *route.methods}))
            found[key] = Route(old.template, methods, names, old.excuse)
    return tuple(found.values())[:MOST]


def excuse(route: Route, throw_away: bool) -> str:
    """Why a route is not asked at all; empty where it is."""
    if route.excuse:
        return route.excuse
    if "GET" not in route.methods:
        return _UNASKED
    if _LEAVING.search(route.template):
        return "it would end the scan's own session"
    if _CHANGING.search(route.template) and not throw_away:
        return "by its name it changes data, and this instance is not a throw-away"
    return ""


def why_not_reached(exchange: Exchange) -> str:
    """Why an answer does not show what the route does; empty where it does."""
    if not exchange.status:
        return exchange.cut or "no answer"
    if exchange.is_success or exchange.status == 304:
        return ""
    if exchange.location:
        return _leads(exchange.location, exchange.request.path)
    reasons = {401: "asks for a login", 403: "refuses (403)", 404: "404 with sample values", 405: "405"}
    return reasons.get(exchange.status, f"answers {exchange.status}")


def _leads(location: str, path: str) -> str:
    try:
        target = urlsplit(location)
    except ValueError:
        return ""
    if target.netloc and target.path == path:  # the same page elsewhere, as from http to https
        return f"redirects to {target.scheme}://{target.netloc[:200]}"
    return "redirects to a login" if is_login_path(target.path) and target.path != path else ""


def coverage(routes: Sequence[Route], visits: Iterable[Exchange], throw_away: bool) -> Coverage:
    """Routes reached of routes declared. A visit counts for the narrowest route that takes its path."""
    best = best_visits(routes, visits)
    reached = 0
    missed: list[tuple[str, str]] = []
    excused: list[tuple[str, str]] = []
    for route in routes:
        name, rest = _halves(route)
        excused += rest
        exchange = best.get(route.template)
        why = why_not_reached(exchange) if exchange else "not asked: the scan's limit was reached"
        if not why:
            reached += 1
        elif (
            excuse_of := excuse(route, throw_away) or _refuses_reading(exchange) or _empty(route, exchange, throw_away)
        ):
            excused.append((name, excuse_of))
        else:
            missed.append((name, why))
    return Coverage("routes", reached, reached + len(missed), tuple(missed[:_SHOWN]), tuple(excused[:_SHOWN]))


def _halves(route: Route) -> tuple[str, list[tuple[str, str]]]:
    """(what is asked for, and what a route does beside that, which is not)."""
    others = [method for method in route.methods if method != "GET"]
    if "GET" not in route.methods or not others:
        return f"{'/'.join(route.methods)} {route.template}", []
    return f"GET {route.template}", [(f"{'/'.join(others)} {route.template}", _UNASKED)]


def best_visits(routes: Sequence[Route], visits: Iterable[Exchange]) -> dict[str, Exchange]:
    """Template -> the visit that tells most of it."""
    plain = {route.template: route for route in routes if route.is_plain}
    open_ended = sorted((route for route in routes if not route.is_plain), key=_breadth)
    found: dict[str, Exchange] = {}
    for visit in visits:
        path = visit.request.path
        route = plain.get(path) or next((each for each in open_ended if each.takes(path)), None)
        if route and (route.template not in found or why_not_reached(found[route.template])):
            found[route.template] = visit
    return found


def _breadth(route: Route) -> tuple[bool, int]:
    """What takes least comes first: a route that takes any path would take all visits."""
    return ":path}" in route.template, -len(_PART.sub("", route.template))


def _empty(route: Route, exchange: Exchange | None, throw_away: bool) -> str:
    """A throw-away copy begins without data, so hardly any app has what a sample asks for."""
    if throw_away and not route.is_plain and exchange and exchange.status == 404:
        return "404 with sample values, as the copy began empty: release commands could make examples"
    return ""


def _refuses_reading(exchange: Exchange | None) -> str:
    """A framework that declares no methods says with 405 which there are."""
    if exchange and exchange.status == 405 and "GET" not in exchange.header("allow").upper():
        return _UNASKED
    return ""
