"""Previews: which branches have an environment of their own right now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pullet.domain.fleet import AppFleetSpec, EnvironmentSpec
from pullet.domain.identity import EnvironmentKey
from pullet.planner.previews import LastDeployment, Previews, preview_environments
from pullet.reconcile.disk import note_if_possible
from pullet.reconcile.neighbours import Neighbours


class Branches:
    def __init__(self, neighbours: Neighbours) -> None:
        self.wanted: dict[str, Previews] = {}
        """By app."""
        self.unsure: frozenset[str] = frozenset()
        """Apps whose branches are not known yet: none of their environments may go for want of a branch."""
        self._world = neighbours

    def environments(self, app: str) -> Sequence[EnvironmentSpec]:
        return self.wanted[app].environments if app in self.wanted else ()

    @property
    def passed_over(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {app: previews.passed_over for app, previews in self.wanted.items()}

    def look(
        self,
        apps: Iterable[AppFleetSpec],
        heads: Mapping[str, Mapping[str, str] | None],
        existing: Collection[EnvironmentKey],
    ) -> bool:
        """`heads`: app -> branch -> commit, None where the repository was not reached yet. True where that changes
        which environments are wanted."""
        before = (self.wanted, self.unsure)
        apps = tuple(apps)
        self.unsure = frozenset(app.app for app in apps if heads[app.app] is None)
        self.wanted = {
            app.app: self._previews(app, known, existing) for app in apps if (known := heads[app.app]) is not None
        }
        self._tell(before[0])
        return (self.wanted, self.unsure) != before

    def _previews(self, app: AppFleetSpec, heads: Mapping[str, str], existing: Collection[EnvironmentKey]) -> Previews:
        return preview_environments(app, heads, existing, self._last, self._world.clock.now())

    def _last(self, key: EnvironmentKey) -> LastDeployment | None:
        newest = next(iter(self._world.store.deployments.of(key, limit=1)), None)
        return LastDeployment(newest.revision.sha, newest.started) if newest is not None else None

    def _tell(self, before: Mapping[str, Previews]) -> None:
        for app, previews in self.wanted.items():
            known = before[app].passed_over if app in before else ()
            for branch, why in previews.passed_over:
                if (branch, why) not in known:
                    note_if_possible(self._world.store, "preview", f"{app}: {branch!r} gets no environment: {why}.")
