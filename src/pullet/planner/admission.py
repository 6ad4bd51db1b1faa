"""What a release asks for and this box cannot give: refused before anything is built. Not checked is not passed."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.domain.app import AppSpec
from pullet.domain.errors import ConfigError, GateFailed, PulletError
from pullet.domain.fleet import EnvironmentSpec, SourceSpec
from pullet.domain.identity import PRODUCTION


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
    missing = missing_secrets(spec)
    if missing:
        app, name = environment.key.app, environment.key.name
        option = "" if name == PRODUCTION else f" -e {name}"
        yield ConfigError(
            f"{environment.key} needs {', '.join(missing)}, and nothing sets it",
            hint=f"Set it with `pullet secrets set {app} {missing[0]}{option}`.",
        )


def missing_secrets(spec: AppSpec) -> tuple[str, ...]:
    """Those that the app requires and that nothing gives: no seal, no generator, no variable."""
    given = {name for name, _ in (*spec.variables, *spec.secrets_sealed)} | set(spec.secrets_generated)
    return tuple(name for name in spec.secrets_required if name not in given)
