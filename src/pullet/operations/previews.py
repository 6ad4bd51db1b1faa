"""An environment a branch: switched on and off in the fleet file, listed with what has none and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from pullet.config import fleet_edit
from pullet.domain.errors import NotFound
from pullet.domain.fleet import AppFleetSpec
from pullet.domain.report import PreviewReport, Progress
from pullet.operations.control import Control


async def change(
    control: Control, app: str, changes: Mapping[str, object] | None, author: str
) -> AsyncIterator[Progress]:
    """Switch previews on with these settings (those not named stay as they are), or with None off."""
    action = "disable" if changes is None else "enable"
    await control.edit(
        app,
        lambda text: fleet_edit.set_previews(app, text, changes),
        author=author,
        reason=f"{action} previews of {app}",
    )
    control.target.wake_sources(_app(control, app).source.url)
    text = "Every branch that fits becomes an environment within a poll." if changes is not None else "They go now."
    yield Progress(f"Previews of {app}: {action}d. {text}", done=True, ok=True)


def listing(control: Control, app: str) -> PreviewReport:
    spec = _app(control, app).previews
    environments = [loop.assignment.spec for key, loop in sorted(control.target.environments.items()) if key.app == app]
    return PreviewReport(
        enabled=spec is not None,
        branches=spec.branches if spec else (),
        clone_data_from=spec.clone_data_from if spec else None,
        expire_after=spec.expire_after if spec else None,
        limit=spec.limit if spec else 0,
        environments=tuple((each.track.value, each.key.name) for each in environments if each.preview),
        passed_over=tuple(control.target.passed_over.get(app, ())),
    )


def _app(control: Control, app: str) -> AppFleetSpec:
    apps = control.target.fleet.apps if control.target.fleet else ()
    found = next((each for each in apps if each.app == app), None)
    if found is None:
        raise NotFound(f"There is no app {app!r} in the fleet", hint="`pullet status` lists those there are.")
    return found
