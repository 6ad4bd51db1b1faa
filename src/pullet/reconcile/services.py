"""The backing services of environments: provided, copied, kept running; and what each gave is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from pullet.domain.addresses import as_asked
from pullet.domain.errors import ConfigError, PulletError, ServiceFailed
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType
from pullet.ports import LogSink, ServiceProvider, Store
from pullet.reconcile.disk import disk_may_be_full, note_if_possible

ENSURE_INTERVAL = 5.0  # seconds between looks whether all servers run


class Services:
    def __init__(self, providers: Iterable[ServiceProvider] = ()) -> None:
        self._providers = {provider.type: provider for provider in providers}
        self._given: dict[EnvironmentKey, dict[ServiceSpec, Grant]] = {}

    def provider(self, kind: ServiceType) -> ServiceProvider:
        if kind not in self._providers:
            raise ConfigError(f"This Pullet provides no {kind}", hint="`pullet doctor` says what the box allows.")
        return self._providers[kind]

    async def provide(self, environment: EnvironmentKey, specs: Sequence[ServiceSpec], log: LogSink) -> Grant:
        """Have them all there; everything they give as one. Raises ServiceFailed, DiskFull."""
        given = {}
        for spec in specs:
            grant = await self.provider(spec.type).provide(ServiceKey(environment, spec.name), spec)
            given[spec] = as_asked(grant, spec)
            log(f"{spec.name}: {spec.type} provided")
        self._given[environment] = given
        return merged(given[spec] for spec in specs)

    async def grant(self, environment: EnvironmentKey, specs: Sequence[ServiceSpec]) -> Grant:
        """What `provide` gave: asked for again only where this daemon has not asked yet."""
        given = self._given.get(environment, {})
        if any(spec not in given for spec in specs):
            return await self.provide(environment, specs, _unheard)
        return merged(given[spec] for spec in specs)

    async def seed(self, environment: EnvironmentKey, spec: ServiceSpec, source: Path) -> None:
        """What the repository brought where something persistent is to appear: taken once, while that is new."""
        await self.provider(spec.type).seed(ServiceKey(environment, spec.name), spec, source)

    async def clone(
        self, origin: EnvironmentKey, to: EnvironmentKey, specs: Sequence[ServiceSpec], log: LogSink
    ) -> None:
        """Each service with a copy of what the origin's of that name and type holds now; empty where it has none.

        What waits in a queue is left there, or it would be done twice.
        """
        there = {(state.key.name, state.type) for state in await self.observe(origin)}
        for spec in specs:
            if not spec.type.holds_data:
                log(f"{spec.name}: begins empty, as what waits in a {spec.type} is not to be done twice")
                continue
            if (spec.name, spec.type) not in there:
                log(f"{spec.name}: {origin} has no such {spec.type}, so it begins empty")
                continue
            log(f"{spec.name}: copying {spec.type} of {origin}")
            provider = self.provider(spec.type)
            await provider.clone(ServiceKey(origin, spec.name), ServiceKey(to, spec.name), spec, log)

    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:
        """Replace a service's data by a dump of it."""
        await self.provider(spec.type).load(key, spec, folder)

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        """All data there is, whether or not an app still asks for it."""
        found = [await provider.observe(environment) for provider in self._providers.values()]
        return sorted((state for states in found for state in states), key=lambda state: state.key)

    async def remove(self, environment: EnvironmentKey) -> None:
        """Delete the data of an environment for good."""
        self.forget(environment)
        for state in await self.observe(environment):
            await self.provider(state.type).remove(state.key)

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        """End servers; of one environment where it has its own."""
        for known in tuple(self._given) if environment is None else (environment,):
            self.forget(known)
        for provider in self._providers.values():
            await provider.stop(environment)

    def forget(self, environment: EnvironmentKey) -> None:
        """What was given is no longer sure."""
        self._given.pop(environment, None)

    async def keep_running(self, store: Store) -> None:
        """Until cancelled: what was stopped by anybody but Pullet runs again within some seconds."""
        told = ""
        while True:
            try:
                with disk_may_be_full("backing services"):
                    for provider in self._providers.values():
                        await provider.ensure()
                told = ""
            except PulletError as err:
                if err.message != told:
                    told = err.message
                    note_if_possible(store, "trouble", err.message)
            await asyncio.sleep(ENSURE_INTERVAL)


def merged(grants: Iterable[Grant]) -> Grant:
    """As one. Of two services that give a variable of the same name the first one's counts."""
    variables: dict[str, str] = {}
    grants = tuple(grants)
    for grant in grants:
        variables = {**dict(grant.variables), **variables}
    return Grant(
        tuple(variables.items()),
        tuple(secret for grant in grants for secret in grant.secrets),
        tuple(folder for grant in grants for folder in grant.folders),
        tuple(link for grant in grants for link in grant.links),
    )


def one_of(states: Iterable[ServiceState], environment: EnvironmentKey, name: str | None) -> ServiceState:
    """The service that somebody means; without a name the only one. Raises ServiceFailed that lists them."""
    there = list(states)
    chosen = [state for state in there if name in (None, state.key.name)]
    if len(chosen) != 1:
        names = ", ".join(f"{state.key.name} ({state.type})" for state in there) or "none"
        what = f"no service {name!r}" if name and there else "no single service to choose"
        raise ServiceFailed(f"{environment} has {what}", hint=f"It has: {names}. Name one with --service.")
    return chosen[0]


def _unheard(_: str, /) -> None:
    """Nobody reads along."""
