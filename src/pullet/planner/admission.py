"""What a release asks for and this box cannot give: refused before anything is built. Not checked is not passed."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.domain.app import AppSpec
from pullet.domain.errors import ConfigError, GateFailed, PulletError
from pullet.domain.fleet import EnvironmentSpec, SourceSpec


def refusal(
    spec: AppSpec, environment: EnvironmentSpec, source: SourceSpec, gates: frozenset[str]
) -> PulletError | None:
    """The first reason why this cannot be deployed here; None where there is none. `gates`: those that can run."""
    return next(_refusals(spec, environment, source, gates), None)


def _refusals(
    spec: AppSpec, environment: EnvironmentSpec, source: SourceSpec, gates: frozenset[str]
) -> Iterator[PulletError]:
    key = environment.key
    if source.verify:
        yield ConfigError(
            f"{key} shall deploy signed commits only, and this Pullet cannot check signatures yet",
            hint="Remove [source] verify from the fleet file to deploy unsigned commits.",
        )
    for gate in spec.gates:
        if gate not in gates:
            yield GateFailed(
                f"{key} declares the gate {gate}, and this Pullet cannot run it yet: not checked is not passed",
                hint=f"Remove [gates.{gate}] from pullet.toml to deploy without it.",
            )
    yield from _missing_secrets(spec, environment)


def _missing_secrets(spec: AppSpec, environment: EnvironmentSpec) -> Iterator[PulletError]:
    if environment.secrets:
        yield ConfigError(
            f"{environment.key} has sealed secrets, and this Pullet cannot open them yet",
            hint="Set them as variables meanwhile, in a fleet repository that only you can read.",
        )
    given = {name for name, _ in (*spec.variables, *environment.variables)}
    missing = [name for name in spec.secrets_required if name not in given]
    if missing:
        yield ConfigError(
            f"{environment.key} needs {', '.join(missing)}, and nothing sets it",
            hint=f"Set it in the fleet file under [environments.{environment.key.name}] variables.",
        )
