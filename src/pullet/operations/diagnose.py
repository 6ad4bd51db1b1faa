"""What the box allows, what it does not, and what to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pullet.domain.home import Home
from pullet.domain.runtime import Capability
from pullet.ports import Builder, Router, Runtime

_LITTLE_DISK = 2 << 30  # bytes; a build of a usual app needs some hundred megabytes


async def capabilities(home: Home, builder: Builder, runtime: Runtime, router: Router) -> Sequence[Capability]:
    """Works without a running daemon too: on a fresh box this is the first thing to ask."""
    return (
        _git(),
        _disk(home.root),
        *await builder.capabilities(),
        *await runtime.capabilities(),
        *await router.capabilities(),
    )


def _git() -> Capability:
    found = shutil.which("git")
    return Capability("git", found is not None, found or "not found", "Install it, e.g. apt-get install git.")


def _disk(root: Path) -> Capability:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    usage = shutil.disk_usage(place)
    return Capability(
        "disk",
        usage.free >= _LITTLE_DISK,
        f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB at {place}",
        "Free some space: with less than 2 GB a build may fail (what is live goes on serving).",
    )
