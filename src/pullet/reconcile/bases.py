"""What a release is compared with."""

from __future__ import annotations

from pullet.domain.errors import NotFound
from pullet.domain.identity import PRODUCTION, EnvironmentKey, ReleaseId
from pullet.domain.release import Release
from pullet.reconcile.neighbours import Neighbours


def base_of(world: Neighbours, release: Release) -> Release | None:
    """What is live: of the environment itself, or, before its first release, of production."""
    store = world.store.releases
    for environment in (release.id.environment, EnvironmentKey(release.id.environment.app, PRODUCTION)):
        number = store.live(environment)
        if number is not None and (environment, number) != (release.id.environment, release.id.number):
            try:
                return store.get(ReleaseId(environment, number))
            except NotFound:
                continue
    return None
