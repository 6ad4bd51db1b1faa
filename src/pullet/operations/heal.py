"""What healing changed for a release, and the patch that would make it permanent."""

from __future__ import annotations

from pullet.analysis.diagnosis.permanent import line_for, patch, paths_of
from pullet.domain.app import AppSpec
from pullet.domain.errors import NotFound
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.release import Release
from pullet.domain.report import HealReport
from pullet.operations.control import Control

_LIMIT = 1 << 20  # bytes of a file that a patch is made for


async def heals(control: Control, app: str, environment: str, release: int | None) -> HealReport:
    """Of a release (default: the live one, else the newest)."""
    key = EnvironmentKey(app, environment)
    loop = control.loop(app, environment)
    releases = control.neighbours.store.releases
    number = release or releases.live(key) or max((r.id.number for r in releases.of(key)), default=None)
    if number is None:
        raise NotFound(f"{key} has no release yet", hint="`pullet status` shows how far it has come.")
    chosen = releases.get(ReleaseId(key, number))
    if chosen.spec is None or not chosen.heals:
        return HealReport(number, (), "")
    tree = control.neighbours.source.tree(loop.assignment.source, chosen.candidate.revision.sha)
    found = await tree.read(paths_of(chosen.spec))
    files = {path: data.decode("utf-8", "replace") for path, data in found.items() if len(data) <= _LIMIT}
    changes = tuple(heal.change for heal in chosen.heals)
    return HealReport(number, tuple(heal_lines(chosen, chosen.spec)), patch(changes, chosen.spec, files))


def heal_lines(release: Release, spec: AppSpec) -> list[str]:
    """Each change, why it was made, and the line that would make it permanent."""
    return [f"{heal} (to keep it: {line_for(heal.change, spec)})" for heal in release.heals]
