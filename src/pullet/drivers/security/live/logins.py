"""A session with the site: who is logged in, and whether it stays so; and wrong passwords, a dozen."""

from __future__ import annotations

import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from pullet.analysis.security.live.exchanges import Exchange, Request
from pullet.analysis.security.live.guessing import TRIES
from pullet.analysis.security.live.login import PATH, Login, read_login
from pullet.analysis.security.live.pages import Form, inside, read_page
from pullet.drivers.security.live.client import Client, prefixed

_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
_JSON = (("Content-Type", "application/json"),)
_HOPS = 3  # redirects after a login, on the site


class LoginFailed(Exception):
    """The scan is not logged in: what it would see is not what was asked for."""


class Session:
    """Asks with cookies and, once logged in, with a token."""

    def __init__(self, client: Client, declared: str, variables: Mapping[str, str]) -> None:
        """`declared`: the text of `.pullet/login.toml`; empty: the scan stays a stranger. Raises LoginFailed."""
        self._client = client
        self._variables = variables
        self._cookies: dict[str, str] = {}
        self._token = ""
        self.login = _read(declared) if declared else None

    @property
    def authority(self) -> str:
        return self._client.site.authority

    def ask(self, request: Request) -> Exchange:
        """Raises Spent."""
        headers = list(request.headers)
        if self._cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self._cookies.items())))
        if self._token:
            headers.append(("Authorization", f"Bearer {self._token}"))
        exchange = self._client.ask(prefixed(self._client.site, replace(request, headers=tuple(headers))))
        self._take_cookies(exchange)
        return exchange

    def begin(self) -> None:
        """Log in where that is declared. Raises LoginFailed, Spent."""
        if self.login is None:
            return
        if missing := self.login.missing(self._variables):
            raise LoginFailed(f"The variables of the scan's login are not set: {', '.join(missing)}")
        stranger = self.ask(Request("GET", self.login.check))
        if why := self.login.proves(stranger):
            raise LoginFailed(f"{PATH}: {why}; name a page or a marker that only who is logged in sees")
        if self.login.json:
            self._log_in_by_json(self.login)
        else:
            self._log_in_by_form(self.login)
        self.assert_in("after its login")

    def assert_in(self, moment: str) -> None:
        """Raises LoginFailed where it is not logged in any more, Spent."""
        if self.login is None:
            return
        exchange = self.ask(Request("GET", self.login.check))
        if not self.login.is_in(exchange):
            shown = f"GET {self.login.check} answered {exchange.status or 'nothing'}"
            raise LoginFailed(f"The scan was not logged in {moment}: {shown}. Look at {PATH} and the account's rights.")

    def submit(self, form: Form, values: Mapping[str, str]) -> Exchange:
        """A form as a browser sends it, with its hidden fields."""
        fields = [(each.name, each.value) for each in form.fields if each.name and each.name not in values]
        body = urlencode([*fields, *values.items()]).encode()
        origin = f"{self._client.site.scheme}://{self.authority}"
        return self.ask(Request("POST", form.action, (*_FORM, ("Referer", origin + form.action)), body))

    def form(self, path: str) -> Form | None:
        """The login form on a page."""
        page = read_page(self.ask(Request("GET", path)), self.authority)
        return next((form for form in page.forms if form.is_login and form.action), None)

    def _values(self, login: Login) -> dict[str, str]:
        return {field: self._variables[variable] for field, variable in login.fields}

    def _log_in_by_form(self, login: Login) -> None:
        form = self.form(login.path)
        if form is None:
            raise LoginFailed(f"GET {login.path} shows no login form; see {PATH}")
        exchange = self.submit(form, self._values(login))
        for _ in range(_HOPS):
            target = inside(exchange.request.target, exchange.location, self.authority) if exchange.location else ""
            if not target:
                return
            exchange = self.ask(Request("GET", target))

    def _log_in_by_json(self, login: Login) -> None:
        body = json.dumps(self._values(login)).encode()
        exchange = self.ask(Request("POST", login.path, _JSON, body))
        if not login.token:
            return
        try:
            token = json.loads(exchange.body)[login.token]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise LoginFailed(f"POST {login.path} answered {exchange.status} without `{login.token}`") from None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise LoginFailed(f"POST {login.path} answered with a `{login.token}` that is no token")
        self._token = token

    def _take_cookies(self, exchange: Exchange) -> None:
        for line in exchange.every("set-cookie")[:50]:
            pair, _, rest = line.partition(";")
            name, _, value = pair.partition("=")
            if not value.strip() or "max-age=0" in rest.lower().replace(" ", ""):
                self._cookies.pop(name.strip(), None)
            elif len(line) < 8192 and len(self._cookies) < 50:
                self._cookies[name.strip()] = value.strip()


def try_passwords(client: Client, path: str, nonce: str) -> list[Exchange]:
    """`TRIES` wrong logins as nobody, each with a fresh token of the form."""
    session = Session(client, "", {})
    tries: list[Exchange] = []
    for _ in range(TRIES):
        form = session.form(path)
        if form is None:
            break
        texts = [each.name for each in form.fields if each.kind in {"text", "email"} and each.name]
        values = dict.fromkeys(texts, f"pullet-{nonce}@example.org")
        values |= {each.name: secrets.token_urlsafe(12) for each in form.passwords if each.name}
        tries.append(session.submit(form, values))
    return tries


def _read(declared: str) -> Login:
    try:
        return read_login(tomllib.loads(declared))
    except (ValueError, RecursionError) as err:
        raise LoginFailed(f"The scan's login cannot be read: {err}") from None
