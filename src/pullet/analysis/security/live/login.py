"""`.pullet/login.toml`: how a scan logs in, and how it knows that it is.

path = "/login"                       # the page with the form, or where JSON is posted
fields = { username = "SCAN_USER", password = "SCAN_PASSWORD" }   # field -> variable that holds the value
json = false                          # true: fields are posted as JSON
token = "access_token"                # of a JSON answer: sent as `Authorization: Bearer` from then on
check = "/account"                    # a page that answers 200 to who is logged in only
marker = "Log out"                    # and text that it then shows; optional
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pullet.analysis.security.live.exchanges import Exchange

PATH = ".pullet/login.toml"
_KEYS = {"path": str, "fields": dict, "json": bool, "token": str, "check": str, "marker": str}


@dataclass(frozen=True)
class Login:
    path: str
    fields: tuple[tuple[str, str], ...]
    """(field, variable with its value); the values are never in git."""
    check: str
    json: bool = False
    token: str = ""
    marker: str = ""

    def missing(self, variables: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(variable for _, variable in self.fields if not variables.get(variable))

    def is_in(self, exchange: Exchange) -> bool:
        return exchange.is_success and self.marker in exchange.text

    def proves(self, anonymous: Exchange) -> str:
        """Why the check says nothing: a stranger passes it too. Empty where it does."""
        return f"{self.check} answers a stranger in the same way" if self.is_in(anonymous) else ""


def read_login(document: Mapping[str, object]) -> Login:
    """Raises ValueError with a sentence for people."""
    for key, value in document.items():
        if key not in _KEYS:
            raise ValueError(f"{PATH}: `{key}` is not known; there are {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise ValueError(f"{PATH}: `{key}` should be a {_KEYS[key].__name__}")
    path, check, fields = document.get("path", ""), document.get("check", ""), document.get("fields")
    for name, value in (("path", path), ("check", check)):
        if not _is_target(value):
            raise ValueError(f"{PATH}: `{name}` should be a path on the site, such as /login")
    if not isinstance(fields, dict) or not fields or not all(isinstance(value, str) for value in fields.values()):
        raise ValueError(f"{PATH}: `fields` should name a variable for each field")
    return Login(
        str(path),
        tuple(fields.items())[:20],
        str(check),
        bool(document.get("json", False)),
        str(document.get("token", "")),
        str(document.get("marker", "")),
    )


def _is_target(value: object) -> bool:
    if not isinstance(value, str) or not value.startswith("/") or value.startswith("//"):
        return False
    return value.isascii() and value.isprintable() and not set(value) & {" ", "\\", "#"}
