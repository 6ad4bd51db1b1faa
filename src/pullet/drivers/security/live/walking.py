"""Visits the routes that are declared and what pages link to, reading only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit

from pullet.analysis.security.live.exchanges import Exchange, Request
from pullet.analysis.security.live.pages import Page, inside, is_login_path, read_page
from pullet.analysis.security.live.routes import Route, best_visits, excuse, why_not_reached
from pullet.drivers.security.live.logins import Session

_VISITS = 200
_ASSETS = (".js", ".css", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".woff", ".woff2", ".map", ".webp")


class Walk:
    def __init__(self, session: Session, throw_away: bool) -> None:
        self.visits: list[Exchange] = []
        self.pages: dict[str, tuple[str, ...]] = {}
        """Path that answered -> names of parameters that its route, links and forms have."""
        self.assets: list[str] = []
        self.logins: list[str] = []
        """Paths of pages with a login form."""
        self.off_site: set[str] = set()
        """Hosts that redirects lead to: never followed."""
        self._session = session
        self._throw_away = throw_away
        self._seen: set[str] = set()

    def visit(self, declared: Sequence[Route]) -> None:
        """Plain routes and links first; then the others, by links that fit them or by sample values."""
        asked = [route for route in declared if not excuse(route, self._throw_away)]
        names = {route.sample(): route.parameters for route in asked}
        self._follow(["/", *(route.template for route in asked if route.is_plain)])
        linked = best_visits(asked, self.visits)
        for route in asked:
            if not route.is_plain and (route.template not in linked or why_not_reached(linked[route.template])):
                self._follow([route.sample()])
        for path, parameters in names.items():
            if path in self.pages:
                self.pages[path] = tuple(dict.fromkeys((*parameters, *self.pages[path])))

    def read(self, exchange: Exchange) -> Page:
        return read_page(exchange, self._session.authority)

    def leads_on(self, page: str) -> bool:
        """Whether the page was a redirect by itself."""
        return any(visit.request.path == page and visit.location for visit in self.visits)

    def _follow(self, targets: Iterable[str]) -> None:
        """Breadth first: pages of each kind come before the many of one kind."""
        queue = list(targets)
        while queue and len(self.visits) < _VISITS:
            target = queue.pop(0)
            if target in self._seen or excuse(Route(target.partition("?")[0]), self._throw_away):
                continue
            self._seen.add(target)
            queue += self._visit(target)

    def _visit(self, target: str) -> list[str]:
        exchange = self._session.ask(Request("GET", target))
        self.visits.append(exchange)
        if exchange.location:
            self._keep(target, ())
            return self._redirect(exchange)
        if not exchange.is_success:
            return []
        self._keep(target, ())
        return self._page(exchange) if exchange.is_html else []

    def _page(self, exchange: Exchange) -> list[str]:
        page = self.read(exchange)
        path = exchange.request.path
        for form in page.forms:
            names = tuple(each.name for each in form.fields if each.name)
            if form.method == "GET" and form.action:
                self._keep(form.action, names)
            if form.is_login and path not in self.logins:
                self.logins.append(path)
        links = [link for link in (*page.links, *page.scripts) if link not in self._seen]
        self.assets += [link for link in links if link.partition("?")[0].endswith(_ASSETS) and link not in self.assets]
        return [link for link in links if not link.partition("?")[0].endswith(_ASSETS)]

    def _redirect(self, exchange: Exchange) -> list[str]:
        target = inside(exchange.request.target, exchange.location, self._session.authority)
        if not target:
            self.off_site.add(urlsplit(exchange.location).netloc[:200])
        elif is_login_path(target) and "?" in target:
            return [target.partition("?")[0]]
        return [target] if target else []

    def _keep(self, target: str, names: tuple[str, ...]) -> None:
        path, _, query = target.partition("?")
        given = tuple(name for name, _ in parse_qsl(query, max_num_fields=50)) if query.count("&") < 50 else ()
        self.pages[path] = tuple(dict.fromkeys((*self.pages.get(path, ()), *names, *given)))[:30]
