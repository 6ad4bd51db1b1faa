"""Secrets of an environment: each change is a commit with a sealed value in the fleet, then a redeploy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from pullet.config import fleet_edit
from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import NotFound, SecretUnreadable, UsageError
from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.identity import EnvironmentKey
from pullet.domain.report import Progress, SecretState, SecretStatus
from pullet.domain.secrets import ANY_ENVIRONMENT, SecretPlace
from pullet.operations.control import Control
from pullet.operations.following import follow
from pullet.ports import Secrets

_NO_WISHES = AppSpec(".", None, Dependencies(DependencyKind.NONE), ())


async def set_secret(
    control: Control, place: SecretPlace, value: str, *, any_environment: bool, author: str
) -> AsyncIterator[Progress]:
    """Seal the value for its place and redeploy. `any_environment`: environments that clone this one open it too."""
    key = control.loop(place.app, place.environment).key
    sealed_for = SecretPlace(place.app, ANY_ENVIRONMENT, place.name) if any_environment else place
    await _commit(control, place, control.neighbours.secrets.seal(sealed_for, value), f"set secret {place}", author)
    async for progress in follow(control, key, retry=True):
        yield progress


async def unset(control: Control, place: SecretPlace, author: str) -> AsyncIterator[Progress]:
    key = control.loop(place.app, place.environment).key
    await control.edit(
        place.app,
        lambda text: fleet_edit.unset_secret(place.app, text, place.environment, place.name),
        author=author,
        reason=f"unset secret {place}",
    )
    if place.name in _wishes(control, key).secrets_generated:
        yield Progress(f"{place.name} is generated: the value that was made first holds again.")
    async for progress in follow(control, key, retry=True):
        yield progress


async def rotate(control: Control, place: SecretPlace, author: str) -> AsyncIterator[Progress]:
    """A new value for a generated secret, sealed into the fleet, where a rebuild of the target finds it again."""
    key = control.loop(place.app, place.environment).key
    if place.name not in _wishes(control, key).secrets_generated:
        raise UsageError(
            f"{place} is not generated, so only you know a new value",
            hint=f"Set it: `pullet secrets set {place.app} {place.name}`.",
        )
    secrets = control.neighbours.secrets
    await _commit(control, place, secrets.seal(place, secrets.fresh()), f"rotate secret {place}", author)
    async for progress in follow(control, key, retry=True):
        yield progress


async def _commit(control: Control, place: SecretPlace, sealed: str, reason: str, author: str) -> None:
    """Raises UsageError with the line to paste, where the fleet is changed elsewhere."""
    try:
        await control.edit(
            place.app,
            lambda text: fleet_edit.set_secret(place.app, text, place.environment, place.name, sealed),
            author=author,
            reason=reason,
        )
    except NotFound:
        raise
    except UsageError as err:
        line = f'[environments.{place.environment}.secrets]\n{place.name} = "{sealed}"'
        raise UsageError(err.message, context=line, hint=err.hint) from err


def listing(control: Control, app: str, environment: str) -> tuple[SecretStatus, ...]:
    """What is set and what is asked for, by name; never a value."""
    loop = control.loop(app, environment)
    wishes, said = _wishes(control, loop.key), loop.assignment.spec
    names = {*dict(said.secrets), *wishes.secrets_required, *wishes.secrets_generated}
    state = _judge(control.neighbours.secrets, said, wishes)
    return tuple(SecretStatus(name, *state(name), _asked_for(wishes, name)) for name in sorted(names))


def _judge(secrets: Secrets, said: EnvironmentSpec, wishes: AppSpec) -> Callable[[str], tuple[SecretState, str]]:
    sealed, variables = dict(said.secrets), {name for name, _ in (*wishes.variables, *said.variables)}

    def judge(name: str) -> tuple[SecretState, str]:
        """(state, what is wrong)"""
        if name in sealed:
            try:
                secrets.open(said.key, [(name, sealed[name])])
            except SecretUnreadable as err:
                return SecretState.UNREADABLE, err.message
            return SecretState.SEALED, ""
        if name in variables:
            return SecretState.VARIABLE, ""
        if name in wishes.secrets_generated:
            return SecretState.GENERATED, ""
        return SecretState.MISSING, ""

    return judge


def _wishes(control: Control, key: EnvironmentKey) -> AppSpec:
    """What the newest release that was understood asks for, whether it went live or was refused."""
    understood = [release.spec for release in control.neighbours.store.releases.of(key) if release.spec is not None]
    return understood[-1] if understood else _NO_WISHES


def _asked_for(wishes: AppSpec, name: str) -> str:
    kinds = {"secrets.required": wishes.secrets_required, "secrets.generated": wishes.secrets_generated}
    places = {
        str(evidence.place)
        for decision in wishes.decisions
        if name in kinds.get(decision.subject, ())
        for evidence in decision.evidence
    }
    return ", ".join(sorted(places))
