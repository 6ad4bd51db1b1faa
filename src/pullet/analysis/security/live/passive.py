"""What every page tells by itself: security headers, cookies, error pages, listings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pullet.analysis.security.live.exchanges import Exchange
from pullet.analysis.security.live.rules import Hit

_SESSION = re.compile(r"sess|sid\b|auth|token|jwt|remember", re.IGNORECASE)
_CSRF = re.compile(r"csrf|xsrf", re.IGNORECASE)
"""Cookies that scripts of the page are meant to read."""

_LISTING = re.compile(r"<title>\s*(?:Index of /|Directory listing for )", re.IGNORECASE)
_WERKZEUG = re.compile(r"Werkzeug Debugger|__debugger__=yes|CONSOLE_MODE = (?:true|false)")
_DJANGO = re.compile(r"you have <code>DEBUG = True</code>|Django Version:</th>")
_STARLETTE = re.compile(r"<title>(?:Starlette Debugger|500 Server Error)</title>|class=\"traceback-container\"")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|File &quot;[^&\n]{1,300}&quot;, line \d+")
_SQL = re.compile(
    r"sqlite3\.(?:OperationalError|ProgrammingError)|psycopg2?\.errors|syntax error at or near|"
    r"You have an error in your SQL syntax|unrecognized token: |near &?[^\n]{1,40}: syntax error|"
    r"unterminated quoted string|ProgrammingError\) \("
)


def passive(exchange: Exchange, secure: bool) -> Iterator[Hit]:
    """All that one answer gives away. `secure`: it came over TLS."""
    if exchange.status:
        yield from headers(exchange, secure)
        yield from cookies(exchange, secure)
        yield from leaks(exchange)


def headers(exchange: Exchange, secure: bool) -> Iterator[Hit]:
    """Of pages that people see; redirects, errors and data for programs need none of most of them."""
    if not exchange.is_success:
        return
    if not exchange.header("x-content-type-options").lower().startswith("nosniff"):
        yield Hit("nosniff", exchange)
    if secure and not _max_age(exchange.header("strict-transport-security")):
        yield Hit("hsts", exchange)
    if exchange.is_html:
        yield from _page_headers(exchange)


def _page_headers(exchange: Exchange) -> Iterator[Hit]:
    policy = _policy(exchange)
    if not policy:
        yield Hit("csp", exchange)
    elif _allows_any_script(policy):
        yield Hit("csp-unsafe", exchange, f"script-src {policy.get('script-src', policy.get('default-src', ''))}")
    if "frame-ancestors" not in policy and not exchange.header("x-frame-options"):
        yield Hit("framing", exchange)
    if not exchange.header("referrer-policy"):
        yield Hit("referrer", exchange)
    if not exchange.header("cross-origin-opener-policy"):
        yield Hit("opener", exchange)


def _policy(exchange: Exchange) -> dict[str, str]:
    """Directive -> its sources. Report-only policies stop nothing."""
    parts = (part.strip().partition(" ") for part in exchange.header("content-security-policy").split(";"))
    return {name.lower(): sources for name, _, sources in parts if name}


def _allows_any_script(policy: dict[str, str]) -> bool:
    sources = policy.get("script-src", policy.get("default-src", "*")).lower().split()
    strict = any(source.startswith(("'nonce-", "'sha256-", "'sha384-", "'sha512-")) for source in sources)
    return "*" in sources or ("'unsafe-inline'" in sources and not strict)


def _max_age(value: str) -> int:
    match = re.search(r"max-age\s*=\s*\"?([0-9]{1,12})", value, re.IGNORECASE)
    return int(match[1]) if match else 0


def cookies(exchange: Exchange, secure: bool) -> Iterator[Hit]:
    for line in exchange.every("set-cookie")[:50]:
        pair, *rest = line.split(";")
        name, _, value = (part.strip() for part in pair.partition("="))
        flags = {part.partition("=")[0].strip().lower(): part.partition("=")[2].strip().lower() for part in rest}
        if value.strip('"'):  # an empty one is being deleted
            yield from _cookie(exchange, name, flags, secure)


def _cookie(exchange: Exchange, name: str, flags: dict[str, str], secure: bool) -> Iterator[Hit]:
    if secure and "secure" not in flags:
        yield Hit("cookie-secure", exchange, name, name)
    if not _SESSION.search(name) or _CSRF.search(name):
        return
    if "httponly" not in flags:
        yield Hit("cookie-httponly", exchange, name, name)
    if flags.get("samesite", "none") == "none":
        yield Hit("cookie-samesite", exchange, name, name)


def leaks(exchange: Exchange) -> Iterator[Hit]:
    """Insides of the app on a page; of an error page that matches several, the one that says most."""
    text = exchange.text
    if exchange.is_html and exchange.is_success and _LISTING.search(text):
        yield Hit("listing", exchange, exchange.request.path, exchange.request.path)
    if exchange.status >= 400:
        yield from _error_page(exchange, text)


def _error_page(exchange: Exchange, text: str) -> Iterator[Hit]:
    kinds: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("werkzeug-debugger", _WERKZEUG.search),
        ("django-debug", _DJANGO.search),
        ("starlette-debug", _STARLETTE.search),
        ("sql-error", _SQL.search),
        ("traceback", _TRACEBACK.search),
    )
    for rule, shows in kinds:
        if shows(text):
            yield Hit(rule, exchange, f"status {exchange.status}")
            return


def is_sql_error(exchange: Exchange) -> bool:
    return _SQL.search(exchange.text) is not None
