"""Questions: nothing here changes anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from pullet import __version__
from pullet.analysis.detection import lines_of
from pullet.domain.errors import NotFound
from pullet.domain.fleet import Track
from pullet.domain.identity import PRODUCTION, EnvironmentKey, ReleaseId
from pullet.domain.release import Deployment, Event
from pullet.domain.report import EnvironmentStatus, ProcessStatus, SpareStatus, TargetStatus
from pullet.operations.control import Control
from pullet.operations.heal import heal_lines
from pullet.reconcile.environment import EnvironmentLoop
from pullet.telemetry.memory import Families


async def target_status(control: Control) -> TargetStatus:
    target = control.target
    loops = [target.environments[key] for key in sorted(target.environments)]
    families = await asyncio.to_thread(Families)
    return TargetStatus(
        home=str(control.neighbours.home.root),
        target=control.settings.target,
        version=__version__,
        daemon_pid=os.getpid(),
        router_port=control.settings.port,
        fleet=control.settings.fleet,
        fleet_commit=target.fleet.commit if target.fleet else "",
        fleet_error=target.fleet_error,
        environments=tuple([await _status(control, loop, families) for loop in loops]),
    )


async def environment_status(control: Control, app: str, environment: str = PRODUCTION) -> EnvironmentStatus:
    return await _status(control, control.loop(app, environment), await asyncio.to_thread(Families))


async def _status(control: Control, loop: EnvironmentLoop, families: Families) -> EnvironmentStatus:
    store, key = control.neighbours.store, loop.key
    live = store.releases.live(key)
    instances = await control.neighbours.runtime.observe(key)
    spares = await control.neighbours.runtime.spares(key)
    spec = loop.assignment.spec
    return EnvironmentStatus(
        app=key.app,
        environment=key.name,
        source=redacted_url(loop.assignment.source.url),
        follows=follows(spec.track),
        revision=str(store.releases.get(ReleaseId(key, live)).candidate.revision) if live is not None else "",
        release=live,
        urls=tuple(url_of(host, control.settings.port) for host in spec.hosts),
        conditions=tuple(loop.conditions) or tuple(store.conditions.of(str(key))),
        processes=tuple(
            ProcessStatus(
                i.id.process, i.id.index, i.phase, i.pid, families.resident(i.pid), i.restarts, i.warm, i.reason
            )
            for i in instances
            if i.id.release.number == live
        ),
        spares=tuple(SpareStatus(s.process, s.pid, s.memory, s.ready) for s in spares),
        deployment=next(iter(store.deployments.of(key, limit=1)), None),
        heals=tuple(str(heal) for heal in store.releases.get(ReleaseId(key, live)).heals) if live is not None else (),
    )


def deployments(control: Control, app: str, environment: str, limit: int) -> Sequence[Deployment]:
    return control.neighbours.store.deployments.of(control.loop(app, environment).key, limit)


def events(control: Control, app: str, environment: str, limit: int) -> Sequence[Event]:
    return control.neighbours.store.events.newest(environment=control.loop(app, environment).key, limit=limit)


def explain(control: Control, app: str, environment: str, release: int | None) -> tuple[str, ...]:
    """Why a release (default: the live one, else the newest) runs as it does."""
    key = EnvironmentKey(app, environment)
    control.loop(app, environment)
    releases = control.neighbours.store.releases
    number = release or releases.live(key) or max((r.id.number for r in releases.of(key)), default=None)
    if number is None:
        raise NotFound(f"{key} has no release yet", hint="`pullet status` shows how far it has come.")
    chosen = releases.get(ReleaseId(key, number))
    spec, artifact = chosen.spec, chosen.artifact
    if spec is None:
        raise NotFound(f"Release {number} of {key} was never understood", hint=f"See `pullet deployments {app}`.")
    rows = [*lines_of(spec), *(f"healed: {line}" for line in heal_lines(chosen, spec))]
    if artifact is not None:
        rows.append(f"runs with Python {artifact.python_version}" + _because(artifact.python_reason))
    return (f"release {number}", *rows)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def follows(track: Track) -> str:
    return f"{track.kind.value} {track.value}"


def url_of(host: str, port: int) -> str:
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def redacted_url(url: str) -> str:
    """Without the password that a URL may carry; over http a lone user name is a token."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    credentials, at, host = authority.rpartition("@")
    user, colon, _ = credentials.partition(":")
    if not separator or not at or not (colon or scheme.lower() in ("http", "https")):
        return url
    return f"{scheme}://{f'{user}:' if colon else ''}***@{host}{slash}{path}"
