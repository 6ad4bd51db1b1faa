"""What of a release's files is not as it was built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from pullet.domain.release import Release
from pullet.reconcile.links import without_linked
from pullet.reconcile.neighbours import Neighbours


async def changed_files(neighbours: Neighbours, release: Release) -> Sequence[str]:
    """Files that differ from the commit, but for those whose place something persistent has taken."""
    assert release.spec is not None
    root = PurePosixPath(release.spec.root)
    linked = [str(root / service.path) for service in release.spec.services if service.path]
    return without_linked(await neighbours.source.changed_files(neighbours.home.tree(release.id)), linked)
