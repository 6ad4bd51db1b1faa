"""At the start: what is on the box and not in the store is taken in. So a lost state database loses history only."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.domain.codec import loads
from pullet.domain.errors import MalformedData, NotFound
from pullet.domain.identity import ReleaseId
from pullet.domain.release import Release
from pullet.reconcile.neighbours import Neighbours


async def adopt(neighbours: Neighbours) -> None:
    """Releases from their `release.json`; which of them is live, from the routes."""
    store = neighbours.store.releases
    for release in _on_disk(neighbours):
        if not _is_known(neighbours, release.id):
            store.adopt(release)
            neighbours.store.events.append(
                "adopted", f"Found release {release.id}.", environment=release.id.environment
            )
    for target in (await neighbours.router.routes()).values():
        live = target.release
        if live is not None and store.live(live.environment) is None and _is_known(neighbours, live):
            store.set_live(live.environment, live.number)


def _on_disk(neighbours: Neighbours) -> Iterator[Release]:
    for path in sorted(neighbours.home.releases.glob("*/*/*/release.json")):
        try:
            release = loads(Release, path.read_bytes())
        except (MalformedData, OSError):
            continue  # half a file is no release: it is built again when it is wanted
        if neighbours.home.release(release.id) == path.parent:
            yield release


def _is_known(neighbours: Neighbours, release: ReleaseId) -> bool:
    try:
        neighbours.store.releases.get(release)
    except NotFound:
        return False
    return True
