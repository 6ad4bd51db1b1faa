"""Two environments cannot answer one hostname: who has it keeps it, else the first by name gets it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.identity import EnvironmentKey


def settle_claims(
    environments: Iterable[EnvironmentSpec], holders: Mapping[str, EnvironmentKey]
) -> dict[EnvironmentKey, tuple[EnvironmentSpec, str]]:
    """Each environment without the hostnames that another one has, and a sentence about them (empty: none lost).

    `holders`: who is routed under a hostname now.
    """
    specs = sorted(environments, key=lambda spec: spec.key)
    owners: dict[str, EnvironmentKey] = {}
    for spec in specs:
        for host in spec.domains:
            if holders.get(host) == spec.key or (
                host not in owners and not _held_by_another(host, spec, specs, holders)
            ):
                owners[host] = spec.key
    return {spec.key: _settled(spec, owners) for spec in specs}


def _held_by_another(
    host: str, spec: EnvironmentSpec, specs: Iterable[EnvironmentSpec], holders: Mapping[str, EnvironmentKey]
) -> bool:
    """Whether another environment that still claims the host is routed under it."""
    return any(other.key != spec.key and other.key == holders.get(host) and host in other.domains for other in specs)


def _settled(spec: EnvironmentSpec, owners: Mapping[str, EnvironmentKey]) -> tuple[EnvironmentSpec, str]:
    lost = [host for host in spec.domains if owners[host] != spec.key]
    kept = replace(spec, domains=tuple(host for host in spec.domains if host not in lost))
    told = ", ".join(f"{host} belongs to {owners[host]}" for host in lost)
    return kept, f"{told}; take it out of one fleet file." if told else ""
