"""What a page leads to: links, scripts and forms. The page is hostile, so all of it is counted and capped."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from pullet.analysis.security.live.exchanges import Exchange

_MOST = 300  # links, scripts, forms and fields of a page, each
_LONGEST = 2000  # characters of an address
_LOGIN = re.compile(r"log-?_?in|sign-?_?in|auth|session", re.IGNORECASE)
_REGISTER = re.compile(r"regist|sign-?_?up|create|reset|forgot", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    """`password`, `hidden`, `text`…"""
    value: str = ""


@dataclass
class Form:
    action: str
    method: str
    fields: list[Field] = field(default_factory=list)

    @property
    def passwords(self) -> list[Field]:
        return [each for each in self.fields if each.kind == "password"]

    @property
    def is_login(self) -> bool:
        """One password is a login; two are a registration or a change."""
        return self.method == "POST" and len(self.passwords) == 1 and not _REGISTER.search(self.action)


@dataclass
class Page:
    links: list[str] = field(default_factory=list)
    """Paths with query on the same host."""
    scripts: list[str] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)


def read_page(exchange: Exchange, host: str) -> Page:
    """`host`: name and port of the site, as its links write it."""
    reader = _Reader(exchange.request.target, host)
    with contextlib.suppress(ValueError, AssertionError, RecursionError):  # what was read until then counts
        reader.feed(exchange.text)
    return reader.page


def inside(base: str, link: str, host: str) -> str:
    """Path and query that a link on the page `base` leads to; empty where it leads off the site."""
    if len(link) > _LONGEST:
        return ""
    try:
        parts = urlsplit(urljoin(f"//{host}{base}", link.strip().replace("\\", "/")))
    except ValueError:
        return ""
    if parts.scheme not in {"", "http", "https"} or parts.netloc.lower() != host.lower():
        return ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return target if target.isascii() and target.isprintable() and " " not in target else ""


def is_login_path(path: str) -> bool:
    return bool(_LOGIN.search(path))


class _Reader(HTMLParser):
    def __init__(self, base: str, host: str) -> None:
        super().__init__()
        self.page = Page()
        self._base, self._host = base, host
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}  # the first of a name counts
        if tag in {"a", "area", "link", "iframe"}:
            self._link(self.page.links, values.get("href") or values.get("src", ""))
        elif tag == "script":
            self._link(self.page.scripts, values.get("src", ""))
        elif tag == "form" and len(self.page.forms) < _MOST:
            action = inside(self._base, values.get("action", "") or self._base, self._host)
            self._form = Form(action, values.get("method", "get").upper())
            self.page.forms.append(self._form)
        elif tag in {"input", "textarea", "select"} and self._form and len(self._form.fields) < _MOST:
            kind = values.get("type", "text").lower()
            self._form.fields.append(Field(values.get("name", ""), kind, values.get("value", "")[:_LONGEST]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _link(self, links: list[str], link: str) -> None:
        if link and len(links) < _MOST and (target := inside(self._base, link, self._host)) and target not in links:
            links.append(target)
