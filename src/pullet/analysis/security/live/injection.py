"""What an app does with what a visitor sends: origins, hosts, addresses, markup, quotes, methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlencode

from pullet.analysis.security.live.exchanges import MARKER_HOST, Exchange, Request
from pullet.analysis.security.live.exposure import PASSWD
from pullet.analysis.security.live.passive import is_sql_error
from pullet.analysis.security.live.rules import Hit

CANARY = "<x-pullet-canary>"
_SENT = f"pullet\"'>{CANARY}"
_TO = f"https://{MARKER_HOST}/"
REDIRECTING = ("next", "url", "redirect", "return_to", "redirect_uri", "return", "continue", "goto", "target", "dest")
"""Parameters by which apps are told where to lead a visitor."""
_FILES = ("file", "path", "filename", "name", "page", "template", "doc", "download")
_TEXTS = ("q", "search", "query", "name", "message", "title", "error")
_LEADS = re.compile(r"log-?_?(?:in|out)|sign-?_?(?:in|out)|redirect|goto|\bgo\b|next|return|continue|sso|out\b", re.I)
_LINK = re.compile(rf"""(?:href|src|action|content)=["']?[^"'>]{{0,100}}//{re.escape(MARKER_HOST)}""")
_TRACED = "x-pullet-trace"


def with_parameters(path: str, parameters: Iterable[str], value: str) -> Request:
    return Request("GET", f"{path}?{urlencode([(name, value) for name in dict.fromkeys(parameters)])}")


# Markup


def markup_request(path: str, parameters: Iterable[str]) -> Request:
    return with_parameters(path, (*parameters, *_TEXTS), _SENT)


def markup_in_path(template: str) -> Request | None:
    """The canary in place of a part of the path that takes any text."""
    filled, count = re.subn(r"\{(\w+):(?:str|path)\}", lambda _: quote(_SENT, safe=""), template)
    return Request("GET", filled) if count and "{" not in filled else None


def reflected(exchange: Exchange) -> Iterator[Hit]:
    if exchange.is_html and CANARY in exchange.text and not _is_debug_page(exchange):
        yield Hit("reflected-xss", exchange, CANARY, exchange.request.path.partition(quote("<"))[0])


def _is_debug_page(exchange: Exchange) -> bool:
    return exchange.status >= 500


# Statements and files


def quote_request(path: str, parameters: Iterable[str]) -> Request:
    return with_parameters(path, (*parameters, *_TEXTS, "id"), "1'\"")


def quoted(exchange: Exchange) -> Iterator[Hit]:
    if is_sql_error(exchange):
        yield Hit("sql-injection", exchange, f"status {exchange.status}", exchange.request.path)


def file_request(path: str, parameters: Iterable[str]) -> Request:
    return with_parameters(path, (*parameters, *_FILES), PASSWD)


# Redirects


def leads(path: str) -> bool:
    """Whether a path's words promise a redirect."""
    return bool(_LEADS.search(path))


def redirect_requests(path: str, parameters: Iterable[str]) -> Iterator[Request]:
    names = (*parameters, *REDIRECTING)
    yield with_parameters(path, names, _TO)
    yield with_parameters(path, names, f"//{MARKER_HOST}/")
    yield with_parameters(path, names, f"/\\{MARKER_HOST}/")


def redirected(exchange: Exchange) -> Iterator[Hit]:
    target = exchange.location.replace("\\", "/").lower()
    if re.match(rf"(?:https?:)?/{{2,}}{re.escape(MARKER_HOST)}(?:[/:?#]|$)", target):
        yield Hit("open-redirect", exchange, f"Location: {exchange.location}", exchange.request.path)


# Origins


def origin_requests(path: str, scheme: str, host: str) -> Iterator[Request]:
    """Another site, one whose name begins as this one's, and the origin of files and sandboxed frames."""
    for origin in (f"https://{MARKER_HOST}", f"{scheme}://{host.partition(':')[0]}.{MARKER_HOST}", "null"):
        yield Request("GET", path, (("Origin", origin),))


def preflight(path: str) -> Request:
    return Request("OPTIONS", path, (("Origin", f"https://{MARKER_HOST}"), ("Access-Control-Request-Method", "POST")))


def shared(exchange: Exchange) -> Iterator[Hit]:
    sent = dict(exchange.request.headers).get("Origin", "")
    if not sent or exchange.header("access-control-allow-origin") != sent:
        return
    with_cookies = exchange.header("access-control-allow-credentials").lower() == "true"
    yield Hit("cors-credentials" if with_cookies else "cors-reflected", exchange, f"Origin: {sent}")


# Hosts


def host_requests(path: str) -> Iterator[Request]:
    yield Request("GET", path, (("Host", MARKER_HOST),))
    yield Request("GET", path, (("X-Forwarded-Host", MARKER_HOST),))


def host_believed(exchange: Exchange) -> Iterator[Hit]:
    """Only what is answered as a page or redirect counts: an error may repeat the host."""
    names = {name.lower() for name, value in exchange.request.headers if value == MARKER_HOST}
    if not names or exchange.status >= 400:
        return
    if f"//{MARKER_HOST}" in exchange.location or (exchange.is_html and _LINK.search(exchange.text)):
        yield Hit("host-header", exchange, f"{' '.join(sorted(names))}: {MARKER_HOST}", " ".join(sorted(names)))


# Methods


def trace_request() -> Request:
    return Request("TRACE", "/", ((_TRACED, MARKER_HOST),))


def traced(exchange: Exchange) -> Iterator[Hit]:
    if exchange.is_success and _TRACED in exchange.text.lower() and MARKER_HOST in exchange.text:
        yield Hit("trace", exchange)


def allows_writing(exchange: Exchange) -> Iterator[Hit]:
    allowed = {name.strip().upper() for name in exchange.header("allow").split(",")}
    if exchange.status < 400 and allowed & {"PUT", "DELETE"}:
        yield Hit("allows-writing", exchange, f"Allow: {exchange.header('allow')}")


def put_request(folder: str, nonce: str) -> Request:
    return Request("PUT", f"{folder.rstrip('/')}/pullet-{nonce}.txt", body=nonce.encode())


def written(exchange: Exchange, nonce: str) -> Iterator[Hit]:
    """Judges the answer to a GET of what `put_request` sent."""
    if exchange.is_success and exchange.body.strip() == nonce.encode():
        yield Hit("put", exchange)
