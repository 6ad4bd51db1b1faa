"""What an app is told of where it is reached: its hostnames as one text, in the form in which it reads them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

HOSTS_VARIABLE, SETTINGS_VARIABLE = "PULLET_ALLOWED_HOSTS", "PULLET_SETTINGS_MODULE"
"""Where Django's settings name other hosts only: those to add (HostForm.COMMAS), and the settings to add them to."""


class HostForm(StrEnum):
    ONE = "one"  # the first only
    COMMAS = "commas"  # shop.example.org,www.example.org
    SPACES = "spaces"
    NO_REDIRECT = (
        "no-redirect"  # no hostname: whether the app itself leads to HTTPS, which the router does where it can
    )
    ORIGINS = "origins"  # https://shop.example.org,http://shop.example.org


def written(hosts: Sequence[str], form: HostForm) -> str:
    """`hosts` in order, the owner's own domains first: where only one counts, it is the one that visitors use."""
    first = sorted(hosts, key=lambda host: host.endswith(".localhost"))
    match form:
        case HostForm.ONE:
            return first[0] if first else ""
        case HostForm.COMMAS:
            return ",".join(first)
        case HostForm.SPACES:
            return " ".join(first)
        case HostForm.NO_REDIRECT:
            return "False"
        case HostForm.ORIGINS:
            return ",".join(f"{scheme}://{host}" for host in first for scheme in ("https", "http"))


def with_host(value: str, host: str, form: HostForm) -> str:
    """The value of such a variable, once the app is to answer to `host` as well; where only one counts, to that."""
    match form:
        case HostForm.ONE:
            return host
        case HostForm.NO_REDIRECT:
            return value
        case HostForm.SPACES:
            return " ".join(filter(None, (value, host)))
        case HostForm.COMMAS | HostForm.ORIGINS:
            return ",".join(filter(None, (value, written((host,), form))))
