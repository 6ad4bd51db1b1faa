"""What is wrong with the page that a visitor sees first. Pure: answers in, one sentence out."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from pullet.domain.answer import Answer

REDIRECTS = (301, 302, 303, 307, 308)
_PAGE = 256 * 1024  # characters looked at: a stylesheet is named near the beginning
_SHOWN = 200  # characters of an address in a message


def path_on(host: str, address: str, base: str) -> str | None:
    """Path and query of `address`, found at the path `base`, where it is on `host`; None where it leads elsewhere."""
    try:
        target = urlsplit(urljoin(f"http://{host}{base}", address.strip()))
        name = target.hostname
    except ValueError:
        return None
    path = f"{target.path or '/'}{'?' + target.query if target.query else ''}"
    usable = target.scheme == "http" and name == host and path.isascii() and path.isprintable() and " " not in path
    return path if usable else None


def leads_to_https(host: str, answer: Answer) -> bool:
    """The same host, by a scheme that an address without certificate does not have."""
    return answer.status in REDIRECTS and answer.location.lower().startswith(f"https://{host.lower()}")


def stylesheet_of(page: Answer) -> str | None:
    """The address of the first stylesheet of an HTML page, as it is written there."""
    if "html" not in page.kind:
        return None
    finder = _Finder()
    finder.feed(page.body.decode("utf-8", "replace")[:_PAGE])
    return finder.found


def page_trouble(host: str, answers: Sequence[Answer]) -> str:
    """What is wrong with the first page, of the answers that led to it; empty: nothing."""
    last = answers[-1]
    if last.status == 400:
        return f"The first page answers 400: does the app know the name {host}? (Django: ALLOWED_HOSTS)"
    if last.status >= 500:
        return f"The first page answers {last.status}"
    if leads_to_https(host, last):
        return f"The first page leads to https://{host}, and there is no certificate for that name"
    if last.status in REDIRECTS and path_on(host, last.location, "/") is not None:
        return f"The first page leads on and on: {len(answers)} redirects, the last to {last.location[:_SHOWN]}"
    return ""


def stylesheet_trouble(path: str, answer: Answer) -> str:
    """What is wrong with a page's stylesheet; empty: nothing."""
    if answer.status >= 400:
        return f"The first page's stylesheet {path[:_SHOWN]} answers {answer.status}: the page looks broken"
    if answer.status == 200 and "html" in answer.kind:
        return f"The first page's stylesheet {path[:_SHOWN]} is a page ({answer.kind[:40]}): browsers will not use it"
    return ""


class _Finder(HTMLParser):
    found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "link" and self.found is None and "stylesheet" in (said.get("rel") or "").lower().split():
            self.found = said.get("href") or None
