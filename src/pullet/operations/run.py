"""One-off commands in the live release, and shells of its services."""

from __future__ import annotations

from dataclasses import replace

from pullet.domain.errors import NotFound, UsageError
from pullet.domain.frames import AttachRequest
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.release import Release
from pullet.domain.runtime import Workplace
from pullet.domain.services import ServiceSpec
from pullet.operations.control import Control
from pullet.ports import Terminal
from pullet.reconcile.services import one_of
from pullet.reconcile.workplaces import Workplaces


async def attach(control: Control, request: AttachRequest, terminal: Terminal) -> int:
    """Run a command, or the shell of a service; its exit code. Raises NotFound where nothing is live."""
    key = control.loop(request.app, request.environment).key
    release = _live(control, key)
    workplace, argv = await Workplaces(control.neighbours).of(release), request.argv
    if request.service is not None:
        workplace, argv = await _shell(control, workplace, request.service)
    if not argv:
        raise UsageError("There is no command to run", hint=f"pullet run {key.app} -- python manage.py shell")
    # Only the first word: the others may be a password.
    message = f"{request.author} runs {argv[0]} in release {release.id.number}."
    control.neighbours.store.events.append("run", message, environment=key)
    return await control.neighbours.runtime.attach(
        workplace, argv, terminal, term=request.term, timeout=request.timeout
    )


def _live(control: Control, key: EnvironmentKey) -> Release:
    number = control.neighbours.store.releases.live(key)
    if number is None:
        raise NotFound(f"Nothing of {key} is live", hint=f"`pullet status {key.app}` says why.")
    return control.neighbours.store.releases.get(ReleaseId(key, number))


async def _shell(control: Control, workplace: Workplace, name: str) -> tuple[Workplace, tuple[str, ...]]:
    key = workplace.release.environment
    services = control.neighbours.services
    state = one_of(await services.observe(key), key, name or None)
    release = control.neighbours.store.releases.get(workplace.release)
    asked = (spec for spec in (release.spec.services if release.spec else ()) if spec.name == state.key.name)
    spec = next(asked, ServiceSpec(state.key.name, state.type))
    shell = await services.provider(state.type).shell(state.key, spec)
    variables = tuple({**dict(workplace.variables), **dict(shell.variables)}.items())
    return replace(workplace, variables=variables, readable=shell.readable), shell.argv
