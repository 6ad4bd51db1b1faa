"""Files and pages that should not be there: what is asked for, and by what an answer proves that it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from pullet.analysis.security.live.exchanges import Exchange, Request
from pullet.analysis.security.live.rules import Hit

_VARIABLE = re.compile(r"\A(?:\s*#[^\n]*\n|\s*\n)*\s*(?:export )?[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)
_COMMIT = re.compile(r"\A(?:ref: refs/|[0-9a-f]{40}\s*\Z)")
_PYTHON = re.compile(r"^(?:from|import) [\w.]+|^[A-Z_]{3,40} = ", re.MULTILINE)
_PASSWD = re.compile(r"^root:[^:\n]*:0:0:", re.MULTILINE)
_SWAGGER = re.compile(r"swagger-ui|redoc", re.IGNORECASE)
_PASSWORD_FIELD = re.compile(r"type=[\"']?password", re.IGNORECASE)
_ADMIN = re.compile(r"Django site admin|Site administration|Flask-Admin|<title>[^<]{0,60}\badmin", re.IGNORECASE)
_CLIMBS = ("..%2f" * 8, "../" * 8, "%2e%2e/" * 8, "..%5c" * 8, "%2e%2e%2f" * 8)
PASSWD = "../" * 8 + "etc/passwd"


def _is_plain(exchange: Exchange) -> bool:
    """Many apps answer everything with their page."""
    return exchange.is_success and not exchange.is_html


def _is_repository(exchange: Exchange) -> bool:
    return _is_plain(exchange) and bool(_COMMIT.search(exchange.text))


def _is_environment(exchange: Exchange) -> bool:
    return _is_plain(exchange) and bool(_VARIABLE.search(exchange.text))


def _is_python(exchange: Exchange) -> bool:
    return _is_plain(exchange) and bool(_PYTHON.search(exchange.text))


def _begins(*starts: bytes) -> Callable[[Exchange], bool]:
    return lambda exchange: exchange.is_success and exchange.body.startswith(starts)


def _is_toolbar(exchange: Exchange) -> bool:
    return exchange.is_success and ("djdt" in exchange.text or "debug_toolbar" in exchange.text)


def _is_docs(exchange: Exchange) -> bool:
    return exchange.is_success and exchange.is_html and bool(_SWAGGER.search(exchange.text))


def _is_description(exchange: Exchange) -> bool:
    return exchange.is_success and "paths" in description(exchange)


def _is_console(exchange: Exchange) -> bool:
    return exchange.is_success and "Interactive Console" in exchange.text and "debugger" in exchange.text


_ARCHIVE = _begins(b"PK\x03\x04", b"\x1f\x8b")
_FILES: tuple[tuple[str, str, Callable[[Exchange], bool]], ...] = (
    ("/.git/HEAD", "repository", _is_repository),
    ("/static/.git/HEAD", "repository", _is_repository),
    ("/.svn/wc.db", "repository", _begins(b"SQLite format 3\x00")),
    ("/.env", "environment-file", _is_environment),
    ("/static/.env", "environment-file", _is_environment),
    ("/.env.production", "environment-file", _is_environment),
    ("/.DS_Store", "desk-file", _begins(b"\x00\x00\x00\x01Bud1")),
    ("/static/.DS_Store", "desk-file", _begins(b"\x00\x00\x00\x01Bud1")),
    ("/settings.py", "source-file", _is_python),
    ("/config.py", "source-file", _is_python),
    ("/app.py", "source-file", _is_python),
    ("/manage.py", "source-file", lambda exchange: _is_python(exchange) or _begins(b"#!/")(exchange)),
    ("/static/settings.py", "source-file", _is_python),
    ("/db.sqlite3", "data-file", _begins(b"SQLite format 3\x00")),
    ("/app.db", "data-file", _begins(b"SQLite format 3\x00")),
    ("/backup.zip", "backup", _ARCHIVE),
    ("/backup.tar.gz", "backup", _ARCHIVE),
    ("/dump.sql", "backup", lambda e: _is_plain(e) and ("INSERT INTO" in e.text or "CREATE TABLE" in e.text)),
    ("/__debug__/", "debug-toolbar", _is_toolbar),
    ("/console", "werkzeug-debugger", _is_console),
    ("/docs", "docs", _is_docs),
    ("/redoc", "docs", _is_docs),
    ("/swagger", "docs", _is_docs),
    ("/swagger/", "docs", _is_docs),
    ("/openapi.json", "docs", _is_description),
    ("/swagger.json", "docs", _is_description),
)
LISTED = ("/static/", "/media/", "/uploads/", "/files/", "/assets/")
"""Folders whose listing is looked for."""
ADMINS = ("/admin/", "/flask-admin/")


def asked_files() -> Iterator[Request]:
    for path, _, _ in _FILES:
        yield Request("GET", path)


def exposed(exchange: Exchange) -> Iterator[Hit]:
    """Judges the answer to one of `asked_files`, `ADMINS`."""
    for path, rule, proves in _FILES:
        if exchange.request.path == path and proves(exchange):
            identity = "" if rule == "docs" else path
            yield Hit(rule, exchange, f"{path}, {len(exchange.body)} bytes", identity)
    if exchange.request.path in ADMINS:
        yield from _admin(exchange)


def _admin(exchange: Exchange) -> Iterator[Hit]:
    """A page with a password's field, or a redirect to a login beside it, is an admin that asks who it is."""
    if exchange.is_success and exchange.is_html:
        if _PASSWORD_FIELD.search(exchange.text):
            yield Hit("admin", exchange)
        elif _ADMIN.search(exchange.text):
            yield Hit("admin-open", exchange)
    elif "login" in exchange.location and exchange.request.path in exchange.location:
        yield Hit("admin", exchange)


def description(exchange: Exchange) -> dict[str, object]:
    """The OpenAPI document that was answered; empty where it is none."""
    if exchange.media_type not in {"application/json", "application/vnd.oai.openapi+json"} or exchange.cut:
        return {}
    try:
        document = json.loads(exchange.body)
    except (ValueError, RecursionError):
        return {}
    known = isinstance(document, dict) and ("openapi" in document or "swagger" in document)
    return document if known and isinstance(document.get("paths"), dict) else {}


def climbing(folders: tuple[str, ...]) -> Iterator[Request]:
    """Requests that leave a folder, written in the ways that servers take apart differently."""
    for folder in folders:
        for climb in _CLIMBS:
            yield Request("GET", f"{folder.rstrip('/')}/{climb}etc/passwd")


def climbed(exchange: Exchange) -> Iterator[Hit]:
    if exchange.is_success and _PASSWD.search(exchange.text):
        yield Hit("traversal", exchange, exchange.request.target, exchange.request.path.partition("..")[0])


def source_map(exchange: Exchange) -> Iterator[Hit]:
    if exchange.is_success and not exchange.is_html and '"mappings"' in exchange.text and '"sources"' in exchange.text:
        yield Hit("source-map", exchange)
