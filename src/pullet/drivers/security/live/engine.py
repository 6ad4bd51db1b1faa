"""Engine `live`: what a running instance answers to a stranger and to who is logged in."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pullet
from pullet.analysis.security.live.login import PATH as LOGIN
from pullet.analysis.security.live.rules import CWES
from pullet.domain.codec import from_json, to_json
from pullet.domain.errors import AssessmentFailed, MalformedData
from pullet.domain.security import Coverage, EngineReport, Finding
from pullet.drivers.security.live.client import Bounds, Site
from pullet.drivers.security.live.routes import Declared, declared
from pullet.drivers.security.live.tools import Extra, schemathesis
from pullet.drivers.security.workbench import Errand, Workbench, interpreter
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_MODULE = "pullet.drivers.security.live.scan"
_SOURCES = str(Path(pullet.__file__).resolve().parent.parent)
_LOGIN_LIMIT = 64 << 10  # bytes


@dataclass(frozen=True)
class _Told:
    """What the scan said."""

    gap: str
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    asked: int
    off_site: tuple[str, ...]


class LiveEngine:
    part = "live"

    def __init__(self, workbench: Workbench, bounds: Bounds | None = None) -> None:
        self._workbench = workbench
        self._bounds = bounds or Bounds()

    def left_out(self, subject: Subject) -> str:
        return "" if subject.url else "no URL was given"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:
        """Raises AssessmentFailed where the URL leads nowhere, or the scan fails."""
        site = await asyncio.to_thread(site_of, subject.url)
        known = await declared(self._workbench, subject)
        told = await self._scan(subject, site, known)
        for host in told.off_site:
            log(f"live: a redirect leads to {host}, which is not followed")
        extra = Extra() if told.gap else await schemathesis(self._workbench, subject, site)
        return EngineReport(
            self.part,
            (*told.findings, *extra.findings),
            (*_routes_known(told.coverage, known), *extra.coverage),
            told.gap,
            tool="Pullet",
            data=f"{told.asked} requests to {site.scheme}://{site.authority}; {extra.told}",
            checked=CWES,
        )

    async def _scan(self, subject: Subject, site: Site, known: Declared) -> _Told:
        question = {
            "site": to_json(site),
            "bounds": to_json(self._bounds),
            "routes": [to_json(route) for route in known.routes],
            "login": await asyncio.to_thread(_login, subject),
            "variables": dict(subject.variables),
            "frameworks": sorted(subject.frameworks),
            "throw_away": subject.throw_away,
            "nonce": secrets.token_hex(8),
        }
        path = {"PYTHONPATH": _SOURCES, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
        argv = (sys.executable, "-P", "-s", "-W", "ignore", "-m", _MODULE)
        asked = Errand(argv, interpreter(), environment=path, stdin=json.dumps(question).encode(), network=True)
        done = await self._workbench.run(subject, asked)
        try:
            return _told(json.loads(done.stdout))
        except (ValueError, LookupError, TypeError, MalformedData) as err:
            raise AssessmentFailed("The scan's answer cannot be read", context=str(err)) from err


def site_of(url: str) -> Site:
    """Where a URL leads; its name is looked up here, once. Blocking. Raises AssessmentFailed."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
            raise ValueError("it should be http://HOST or https://HOST, without a user")
        local = host == "localhost" or host.endswith(".localhost")
        address = "127.0.0.1" if local else str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except (ValueError, OSError) as err:
        raise AssessmentFailed("The URL to scan leads nowhere", context=str(err)) from err
    return Site(parts.scheme, host, port, address, parts.path.rstrip("/"))


def _login(subject: Subject) -> str:
    """The text of the file that says how to log in; empty where there is none. Raises AssessmentFailed."""
    if LOGIN not in subject.files:
        return ""
    try:
        with os.fdopen(os.open(subject.tree / LOGIN, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(_LOGIN_LIMIT + 1)
        if len(content) > _LOGIN_LIMIT:
            raise ValueError(f"it is longer than {_LOGIN_LIMIT >> 10} KB")
        return content.decode()
    except (OSError, ValueError) as err:
        raise AssessmentFailed(f"{LOGIN} cannot be read", context=str(err)) from err


def _told(answer: dict[str, Any]) -> _Told:
    return from_json(_Told, answer)


def _routes_known(coverage: tuple[Coverage, ...], known: Declared) -> tuple[Coverage, ...]:
    """Routes that nobody could tell are not reached either."""
    if not known.why:
        return coverage
    return tuple(
        Coverage(
            each.unit, each.done, each.there, (*each.missed, ("routes that are not known", known.why)), each.excused
        )
        if each.unit == "routes" and not each.there
        else each
        for each in coverage
    )
