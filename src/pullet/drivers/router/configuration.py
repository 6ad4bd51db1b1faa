"""Caddy's configuration: one constant document. Pure: settings in, JSON out.

It names no app. Every request asks the file system where its host leads, relative to Caddy's working directory (so that
socket paths stay under the 107 bytes of unix(7)):

    <host>/on              symlink to the host's generation; replaced by rename, which is the whole switch
    <host>/on/n3           marker: three instances (1 to 16, a constant route each)
    <host>/on/0 … 15       upstream sockets, repeated cyclically so that a request that saw another count still arrives
    <host>/on/page.502     marker: nothing is live, show the page (or page.503: suspended)
    <host>/on/page.html    what to show then, and when no upstream answers; also .json and .txt
    <host>/on/static       folder with forever/ (hashed names), fresh/ and previous/ (forever/ of the release before)

A reload would reset the keep-alive connections of every app; a constant document needs none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from pullet.drivers.router.pages import BAD_HOST, OTHER_ERROR, UNKNOWN_HOST

MOST_INSTANCES = 16
PAGE_STATUSES = (502, 503)
HOST_PATTERN = r"[a-z0-9_]([a-z0-9_.-]{0,98}[a-z0-9_])?"
"""At most 100 characters: `<host>/on/15` must fit into a socket address. Two dots in a row are refused apart."""
OWN_HOST = "127.0.0.1"
"""No route can have this name: the router answers questions about itself there, to this box only."""
IDENTITY_PATH = "/.pullet/router"
CERTIFICATE_PATH = "/.pullet/certificate"

Json = dict[str, Any]

_HOST = "{http.request.host}"
_ON = _HOST + "/on"
_ASKED = "{http.request.uri.query.domain}"
_A_YEAR = "public, max-age=31536000, immutable"
_NEVER: Json = {"not": [{"path": ["*"]}]}
_PAGES = (("application/json", "json"), ("text/plain", "txt"), (None, "html"))


@dataclass(frozen=True)
class Tls:
    """Certificates for every routed name outside *.localhost, fetched when the first visitor asks for it."""

    port: int = 443
    email: str = ""
    """Told to the certificate authority, for notices of expiry."""
    directory: str = ""
    """ACME directory URL; empty: Caddy's default authorities."""
    internal: bool = False
    """Sign with an authority of Caddy's own: for tests and closed networks."""


@dataclass(frozen=True)
class Settings:
    port: int
    tls: Tls | None = None
    try_duration: float = 4.0
    """Seconds a request waits for an instance that is being restarted."""
    grace: float = 10.0
    """Seconds that open requests get when the router itself ends."""
    access_log: str = "access.log"
    """Absolute path."""
    log_megabytes: int = 16
    hooks: str = ""
    """Unix socket that gets POSTs to /hooks/… of names that are nobody's: the box's own; empty: none."""
    caddy: str = ""
    """Version of the program: another one is another router, although the document is the same."""


def configuration(settings: Settings) -> Json:
    """The whole document; `identity` is the digest that a running router tells about itself."""
    return _document(settings, identity(settings))


def identity(settings: Settings) -> str:
    return hashlib.sha256(render(_document(settings, "")) + settings.caddy.encode()).hexdigest()[:16]


def render(document: Json) -> bytes:
    return json.dumps(document, indent=1).encode()


def _document(settings: Settings, own_identity: str) -> Json:
    apps: Json = {"http": {"grace_period": _seconds(settings.grace), "servers": _servers(settings, own_identity)}}
    if settings.tls is not None:
        apps["tls"] = _certificates(settings.port, settings.tls)
        apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": _logging(settings),
        "apps": apps,
    }


def _servers(settings: Settings, own_identity: str) -> Json:
    tls = settings.tls
    plain = [*_own(own_identity), *_normalise(), *(_redirect(tls) if tls else []), *_routes(settings)]
    servers = {"plain": _server(settings.port, ["h1", "h2", "h2c"], plain)}
    if tls is not None:
        servers["tls"] = _server(tls.port, ["h1", "h2"], [*_normalise(), *_routes(settings)])
        servers["tls"]["tls_connection_policies"] = [{}]
    return servers


def _server(port: int, protocols: list[str], routes: list[Json]) -> Json:
    return {
        "listen": [f":{port}"],
        "protocols": protocols,
        "automatic_https": {"disable": True},  # it would add servers; certificates come on demand
        "read_header_timeout": "30s",
        "logs": {"default_logger_name": "access"},
        "routes": routes,
        "errors": {"routes": _error_routes()},
    }


# --- which host is meant


def _normalise() -> list[Json]:
    """Names are case-insensitive and may end in a dot (RFC 1034 section 3.1), files are neither."""
    lower = [{"search": big, "replace": small} for big, small in zip(ascii_uppercase, ascii_lowercase, strict=True)]
    undot = {"search_regexp": r"\.(:[0-9]+)?$", "replace": "$1"}
    changed = {"request": {"replace": {"Host": [*lower, undot]}}}
    unusual = {"vars_regexp": {"{http.request.host}": {"pattern": r"[A-Z]|\.$"}}}
    return [_route([unusual], {"handler": "headers", **changed})]


def _is_name(placeholder: str) -> Json:
    """True for what may be part of a path: the guard of every file lookup."""
    return {"vars_regexp": {placeholder: {"pattern": rf"^{HOST_PATTERN}$"}}}


def _has(*files: str, folder: str = _ON) -> Json:
    return {"file": {"root": folder, "try_files": list(files)}}


# --- the routes of every host


def _routes(settings: Settings) -> list[Json]:
    lookups = [_static(), *(_instances(n, settings) for n in range(1, MOST_INSTANCES + 1)), *_page_routes()]
    return [
        _route([_is_name(_HOST)], {"handler": "subroute", "routes": lookups}, terminal=False),
        *_hooks(settings),
        _route([], {"handler": "error", "status_code": 404}),
    ]


def _static() -> Json:
    folders = (("forever", _A_YEAR), ("fresh", "no-cache"), ("previous", _A_YEAR))
    served = [_static_folder(name, caching) for name, caching in folders]
    return _route(
        [{"method": ["GET", "HEAD"], "not": [{"path": ["*/"]}], **_has("static/")}],
        {"handler": "subroute", "routes": served},
    )


def _static_folder(name: str, caching: str) -> Json:
    root = f"{_ON}/static/{name}"
    return _route(
        [_has("{http.request.uri.path}", folder=root)],
        _respond_with({"Cache-Control": [caching], "X-Content-Type-Options": ["nosniff"]}),
        {
            "handler": "file_server",
            "root": root,
            "index_names": [],
            "pass_thru": True,  # a switch may take the file away between the look and the answer
            "precompressed": {"br": {}, "zstd": {}, "gzip": {}},
            "precompressed_order": ["br", "zstd", "gzip"],
        },
    )


def _instances(count: int, settings: Settings) -> Json:
    # Random: the other policies keep their counts by socket path with the placeholder in it, so hosts would mix.
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{_ON}/{index}"} for index in range(count)],
        "load_balancing": {
            "selection_policy": {"policy": "random"},
            "try_duration": _seconds(settings.try_duration),
            "try_interval": "20ms",
            "retry_match": [_NEVER],  # what reached an app is not sent twice: it may be what killed it
        },
        "request_buffers": 65536,  # a request that was buffered can be sent again
        "transport": {"protocol": "http", "versions": ["1.1"], "keep_alive": {"enabled": False}},
    }
    return _route([_has(f"n{count}")], proxy, terminal=True)


def _hooks(settings: Settings) -> list[Json]:
    if not settings.hooks:
        return []
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"unix/{settings.hooks}"}]}
    body = {"handler": "request_body", "max_size": 1 << 20}
    return [_route([{"path": ["/hooks/*"], "method": ["POST"]}], body, proxy, terminal=True)]


def _page_routes() -> list[Json]:
    # As an error, because only error routes answer every method with a file.
    return [_route([_has(f"page.{status}")], {"handler": "error", "status_code": status}) for status in PAGE_STATUSES]


# --- answers of the router's own


def _error_routes() -> list[Json]:
    pages = [_error_page(accept, kind) for accept, kind in _PAGES]
    known = [{"vars": {"{http.error.status_code}": ["502", "503", "504"]}, **_is_name(_HOST)}]
    return [
        _route(known, {"handler": "subroute", "routes": pages}),
        _route(
            [{"vars": {"{http.error.status_code}": ["404"]}, **_is_name(_HOST)}],
            *_answer(404, UNKNOWN_HOST),
            terminal=True,
        ),
        _route([{"vars": {"{http.error.status_code}": ["404"]}}], *_answer(404, BAD_HOST), terminal=True),
        _route([], *_answer("{http.error.status_code}", OTHER_ERROR)),
    ]


def _error_page(accept: str | None, kind: str) -> Json:
    match = _has(f"page.{kind}")
    if accept is not None:
        match = {**match, "header": {"Accept": [f"*{accept}*"]}, "not": [{"header": {"Accept": ["*text/html*"]}}]}
    unconditional = {"request": {"delete": ["If-None-Match", "If-Modified-Since", "If-Range", "Range"]}}
    headers = {**_page_headers(), "Retry-After": ["5"], "Vary": ["Accept"]}
    return _route(
        [match],
        {"handler": "headers", **unconditional, "response": {"set": headers}},
        {"handler": "rewrite", "uri": f"/page.{kind}"},
        {"handler": "file_server", "root": _ON, "index_names": []},
        terminal=True,
    )


def _answer(status: int | str, body: str) -> tuple[Json, ...]:
    headers = {**_page_headers(), "Content-Type": ["text/html; charset=utf-8"]}
    return (
        _respond_with(headers),
        {"handler": "static_response", "status_code": status, "body": body},
    )


def _page_headers() -> Mapping[str, list[str]]:
    return {
        "Cache-Control": ["no-store"],
        "Content-Security-Policy": ["default-src 'none'; style-src 'unsafe-inline'"],
        "X-Content-Type-Options": ["nosniff"],
    }


def _own(own_identity: str) -> list[Json]:
    here = {"host": [OWN_HOST], "remote_ip": {"ranges": ["127.0.0.0/8", "::1/128"]}}
    unlogged = {"handler": "vars", "log_skip": True}
    routed = [*(f"n{count}" for count in range(1, MOST_INSTANCES + 1)), *(f"page.{s}" for s in PAGE_STATUSES)]
    public = {**_is_name(_ASKED), "not": [{"vars_regexp": {_ASKED: {"pattern": r"(^|\.)localhost$"}}}]}
    return [
        _route(
            [{**here, "path": [IDENTITY_PATH]}],
            unlogged,
            {"handler": "static_response", "status_code": 200, "body": own_identity},
            terminal=True,
        ),
        _route(
            [{**here, **public, "path": [CERTIFICATE_PATH], **_has(*routed, folder=_ASKED + "/on")}],
            unlogged,
            {"handler": "static_response", "status_code": 200},
            terminal=True,
        ),
    ]


# --- TLS


def _redirect(tls: Tls) -> list[Json]:
    """Names of the public world go to https; *.localhost stays plain. ACME challenges are answered before routes."""
    port = "" if tls.port == 443 else f":{tls.port}"
    local = {"vars_regexp": {_HOST: {"pattern": r"(^|\.)localhost$"}}}
    away = {
        "handler": "static_response",
        "status_code": 308,
        "headers": {"Location": [f"https://{_HOST}{port}{{http.request.uri}}"]},
    }
    routed = [{**_is_name(_HOST), **_has("route.json"), "not": [local]}]
    return [_route(routed, away, terminal=True)]


def _certificates(port: int, tls: Tls) -> Json:
    issuer: Json = {"module": "internal"} if tls.internal else {"module": "acme"}
    if tls.directory and not tls.internal:
        issuer["ca"] = tls.directory
    if tls.email and not tls.internal:
        issuer["email"] = tls.email
    permission = {"module": "http", "endpoint": f"http://{OWN_HOST}:{port}{CERTIFICATE_PATH}"}
    return {
        "automation": {
            "policies": [{"on_demand": True, "issuers": [issuer]}],
            "on_demand": {"permission": permission},
        }
    }


# --- logs


def _logging(settings: Settings) -> Json:
    dropped = ("request>headers", "request>tls", "resp_headers", "user_id", "request>client_ip", "request>remote_port")
    fields: Json = {name: {"filter": "delete"} for name in dropped}
    fields["request>uri"] = {"filter": "regexp", "regexp": r"\?.*", "value": "?…"}  # queries carry tokens
    return {
        "logs": {
            "default": {"level": "WARN", "exclude": ["http.log.access"]},
            "access": {
                "include": ["http.log.access.access"],
                "writer": {
                    "output": "file",
                    "filename": settings.access_log,
                    "roll_size_mb": settings.log_megabytes,
                    "roll_gzip": False,
                    "roll_keep": 3,
                },
                "encoder": {"format": "filter", "wrap": {"format": "json"}, "fields": fields},
            },
        }
    }


# --- small parts


def _route(match: Iterable[Json], *handlers: Json, terminal: bool = False) -> Json:
    route: Json = {"handle": list(handlers)}
    if matchers := list(match):
        route["match"] = matchers
    if terminal:
        route["terminal"] = True
    return route


def _respond_with(headers: Mapping[str, list[str]]) -> Json:
    return {"handler": "headers", "response": {"set": dict(headers)}}


def _seconds(duration: float) -> str:
    return f"{round(duration * 1000)}ms"
