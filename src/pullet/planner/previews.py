"""Which branches become environments of their own: `[previews]` of a fleet file x the branches there are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pullet.domain.fleet import AppFleetSpec, EnvironmentSpec, PreviewSpec, Track, TrackKind
from pullet.domain.identity import EnvironmentKey, preview_name


@dataclass(frozen=True)
class LastDeployment:
    """The newest one of an environment, as the store knows it."""

    sha: str
    started: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Previews:
    environments: tuple[EnvironmentSpec, ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    """(branch, why it has no environment), for people."""


def preview_environments(
    app: AppFleetSpec,
    heads: Mapping[str, str],
    existing: Collection[EnvironmentKey],
    last: Callable[[EnvironmentKey], LastDeployment | None],
    now: float,
) -> Previews:
    """`heads`: branch -> commit. `existing`: environments that are on the box; where the limit does not allow all, they
    come before new ones, so that a new branch never takes the place of one that people look at."""
    if app.previews is None:
        return Previews()
    chosen: dict[EnvironmentKey, EnvironmentSpec] = {}
    passed_over: list[tuple[str, str]] = []
    declared = {environment.key for environment in app.environments}
    for branch, spec in _candidates(app, app.previews, heads, existing):
        if spec.key in declared:
            passed_over.append((branch, f"{spec.key} is the name of another environment"))
        elif spec.key in chosen:
            passed_over.append((branch, f"{chosen[spec.key].track.value} has the name {spec.key}"))
        elif _expired(app.previews, heads[branch], last(spec.key), now):
            passed_over.append((branch, "no commit came for longer than expire_after"))
        elif len(chosen) >= app.previews.limit:
            passed_over.append((branch, f"the limit of {app.previews.limit} previews is reached"))
        else:
            chosen[spec.key] = spec
    return Previews(tuple(chosen.values()), tuple(passed_over))


def _candidates(
    app: AppFleetSpec, previews: PreviewSpec, heads: Mapping[str, str], existing: Collection[EnvironmentKey]
) -> list[tuple[str, EnvironmentSpec]]:
    """(branch, its environment) of branches that nothing follows yet; those that exist first, then by name."""
    followed = {each.track.value for each in app.environments if each.track.kind is TrackKind.BRANCH}
    model = next((each for each in app.environments if each.key.name == previews.clone_data_from), None)
    wanted = [
        branch
        for branch in heads
        if branch not in followed and any(fnmatchcase(branch, pattern) for pattern in previews.branches)
    ]
    specs = [(branch, _environment(app.app, branch, previews, model)) for branch in wanted]
    return sorted(specs, key=lambda each: (each[1].key not in existing, each[0]))


def _environment(app: str, branch: str, previews: PreviewSpec, model: EnvironmentSpec | None) -> EnvironmentSpec:
    """As the environment whose data it copies, but for hostnames; without one, as the app itself says."""
    return EnvironmentSpec(
        key=EnvironmentKey(app, preview_name(app, branch)),
        track=Track(TrackKind.BRANCH, branch),
        variables=model.variables if model else (),
        secrets=model.secrets if model else (),
        processes=model.processes if model else (),
        clone_data_from=previews.clone_data_from,
        preview=True,
    )


def _expired(previews: PreviewSpec, sha: str, last: LastDeployment | None, now: float) -> bool:
    """A newer commit than the one deployed last begins its time anew."""
    if previews.expire_after is None or last is None or last.sha != sha:
        return False
    return now - last.started > previews.expire_after
