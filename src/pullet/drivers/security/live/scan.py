"""`python -m pullet.drivers.security.live.scan`: the whole scan of one site; JSON in, JSON out. Runs in the sandbox.

The order matters: strangers' view first, then the login, the pages, what is sent to them, and at last whether the
login still holds. What cannot be done ends the scan with a `gap`; what was not reached is counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pullet.analysis.security.live import exposure, guessing, injection, routes, smuggling
from pullet.analysis.security.live.exchanges import Exchange, Request
from pullet.analysis.security.live.pages import is_login_path
from pullet.analysis.security.live.passive import passive
from pullet.analysis.security.live.routes import Route
from pullet.analysis.security.live.rules import Hit, findings
from pullet.domain.codec import from_json, to_json
from pullet.domain.security import Coverage
from pullet.drivers.security.live.client import Bounds, Client, Site, Spent, prefixed
from pullet.drivers.security.live.logins import LoginFailed, Session, try_passwords
from pullet.drivers.security.live.transport import transport
from pullet.drivers.security.live.walking import Walk

_PROBED = 25  # pages that get each kind of question
_ORIGINS = 8  # pages that are asked with foreign origins


class Scan:
    def __init__(self, question: Mapping[str, Any]) -> None:
        self.site = from_json(Site, question["site"])
        self.client = Client(self.site, from_json(Bounds, question["bounds"]))
        self.session = Session(self.client, str(question["login"]), dict(question["variables"]))
        self.declared = tuple(from_json(Route, each) for each in question["routes"])
        self.throw_away = bool(question["throw_away"])
        self.nonce = str(question["nonce"])
        self.walk = Walk(self.session, self.throw_away)
        self.hits: list[Hit] = []
        self.more: list[Coverage] = []
        self.limit = ""

    def run(self) -> dict[str, Any]:
        """Raises LoginFailed."""
        first = self.stranger(Request("GET", "/"))
        if not first.status:
            return {"gap": f"Nothing answers at {self.site.scheme}://{self.site.authority}: {first.cut}"}
        try:
            self._steps()
        except Spent:
            self.limit = f"the scan's limit was reached after {self.client.asked} requests"
            if self.session.login:
                return {"gap": f"Whether the scan was still logged in is not known: {self.limit}"}
        return self._answer()

    def _steps(self) -> None:
        self.files()
        self.session.begin()
        self.walk.visit(self.declared)
        self.session.assert_in("after the pages were visited")
        self.pages()
        self.session.assert_in("at the end")
        for step in (self.origins, self.methods, self.hosts, self.maps, self.climbing, self.framing, self.tls):
            step()
        self.logins()

    def stranger(self, request: Request) -> Exchange:
        return self.client.ask(prefixed(self.site, request))

    def judged(self, requests: Iterable[Request], judge: Callable[[Exchange], Iterable[Hit]]) -> Iterator[Exchange]:
        """Ask as a stranger; what the judge says is kept, and what each answer gives away by itself."""
        for request in requests:
            exchange = self.stranger(request)
            self.hits += judge(exchange)
            self.hits += passive(exchange, self.site.secure)
            yield exchange

    def files(self) -> None:
        """What should not be there; and the description of the API, which declares routes."""
        listed = (Request("GET", path) for path in (*exposure.ADMINS, *exposure.LISTED))
        unknown = (Request("GET", f"/pullet-{self.nonce}"), Request("GET", f"/%ff{self.nonce}?__debugger__=yes"))
        for exchange in self.judged((*exposure.asked_files(), *listed, *unknown), exposure.exposed):
            described = routes.routes_of_description(exposure.description(exchange))
            self.declared = routes.merged(self.declared, described)

    def pages(self) -> None:
        for visit in self.walk.visits:
            self.hits += passive(visit, self.site.secure)
            if visit.status >= 500:
                self.hits.append(Hit("server-error", visit, f"status {visit.status}", visit.request.path))
            if not self.site.secure and not self.site.address.startswith("127.") and b"password" in visit.body.lower():
                self.hits += self._plain_login(visit)
        for page, parameters in list(self.walk.pages.items())[:_PROBED]:
            self._questions(page, parameters)
        self._paths()

    def _plain_login(self, visit: Exchange) -> Iterator[Hit]:
        if any(form.passwords for form in self.walk.read(visit).forms):
            yield Hit("plain-login", visit)

    def _questions(self, page: str, parameters: tuple[str, ...]) -> None:
        """What one page does with markup, quotes, paths and addresses among its parameters."""
        for request, judge in (
            (injection.markup_request(page, parameters), injection.reflected),
            (injection.quote_request(page, parameters), injection.quoted),
            (injection.file_request(page, parameters), exposure.climbed),
        ):
            exchange = self.session.ask(request)
            self.hits += judge(exchange)
            self.hits += passive(exchange, self.site.secure)
        if injection.leads(page) or set(parameters) & set(injection.REDIRECTING) or self.walk.leads_on(page):
            for request in injection.redirect_requests(page, parameters):
                self.hits += injection.redirected(self.session.ask(request))

    def _paths(self) -> None:
        """Markup and climbing in place of parts of declared paths."""
        open_ended = [route for route in self.declared if not routes.excuse(route, self.throw_away)]
        for route in [each for each in open_ended if not each.is_plain][:_PROBED]:
            if request := injection.markup_in_path(route.template):
                self.hits += injection.reflected(self.session.ask(request))
            if route.template.endswith(":path}"):
                folder = route.template.partition("{")[0]
                for climb in exposure.climbing((folder,)):
                    self.hits += exposure.climbed(self.session.ask(climb))

    def origins(self) -> None:
        for page in ["/", *(page for page in self.walk.pages if page != "/")][:_ORIGINS]:
            for request in injection.origin_requests(page, self.site.scheme, self.site.host):
                self.hits += injection.shared(self.stranger(request))
            self.hits += injection.shared(self.stranger(injection.preflight(page)))

    def methods(self) -> None:
        self.hits += injection.traced(self.stranger(injection.trace_request()))
        for name in self.walk.assets[:3]:
            self.hits += injection.allows_writing(self.stranger(Request("OPTIONS", name)))
        if self.throw_away:
            put = injection.put_request("/static", self.nonce)
            self.stranger(put)
            self.hits += injection.written(self.stranger(Request("GET", put.target)), self.nonce)

    def hosts(self) -> None:
        pages = [page for page in self.walk.pages if is_login_path(page) or "password" in page]
        for page in ("/", *pages[:3]):
            for request in injection.host_requests(page):
                self.hits += injection.host_believed(self.stranger(request))

    def maps(self) -> None:
        for script in [name for name in self.walk.assets if name.partition("?")[0].endswith(".js")][:10]:
            self.hits += exposure.source_map(self.stranger(Request("GET", f"{script.partition('?')[0]}.map")))

    def climbing(self) -> None:
        for request in exposure.climbing(("/static", "/media", "/")):
            self.hits += exposure.climbed(self.stranger(request))

    def framing(self) -> None:
        path = self.site.prefix + "/"
        for kind in smuggling.AMBIGUITIES:
            received, _ = self.client.send(smuggling.ambiguous(kind, path, self.site.authority))
            self.hits += smuggling.smuggled(kind, path, received)

    def tls(self) -> None:
        if self.site.secure and not self.throw_away:  # a throw-away's certificate is the router's own
            self.hits += transport(self.site)

    def logins(self) -> None:
        """Forms that ask for a password: the first is tried, with a name that nobody has."""
        forms = self.walk.logins
        if not forms:
            return
        tries = try_passwords(self.client, forms[0], self.nonce)
        why = guessing.inconclusive(tries)
        self.hits += guessing.guessed(tries)
        missed = ((forms[0], why),) if why else ()
        self.more.append(Coverage("login forms", 0 if why else 1, 1, missed))

    def _answer(self) -> dict[str, Any]:
        cut, streams = self.client.cut, self.client.streams
        answers = Coverage(
            "answers",
            self.client.asked - len(cut),
            self.client.asked,
            tuple(list(cut.items())[:100]),
            tuple(list(streams.items())[:100]),
        )
        coverage = [routes.coverage(self.declared, self.walk.visits, self.throw_away), answers, *self.more]
        if self.limit:
            coverage.append(Coverage("checks", 0, 1, (("the rest", self.limit),)))
        return {"hits": self.hits, "coverage": coverage, "asked": self.client.asked, "off_site": self.walk.off_site}


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """What `LiveEngine` reads: findings, coverage, gap."""
    try:
        told = Scan(question).run()
    except LoginFailed as err:
        told = {"gap": str(err)}
    found = findings(told.get("hits", ()), question["frameworks"])
    return {
        "gap": told.get("gap", ""),
        "findings": [to_json(each) for each in found],
        "coverage": [to_json(each) for each in told.get("coverage", ())],
        "asked": told.get("asked", 0),
        "off_site": sorted(told.get("off_site", ()))[:20],
    }


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
