"""What the box allows, what it does not, and what to do about it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from pullet.domain.runtime import Capability
from pullet.operations.control import Control

_LITTLE_DISK = 2 << 30  # bytes; a build of a usual app needs some hundred megabytes


async def capabilities(control: Control) -> Sequence[Capability]:
    neighbours = control.neighbours
    return (
        _disk(control),
        *await neighbours.builder.capabilities(),
        *await neighbours.runtime.capabilities(),
        *await neighbours.router.capabilities(),
    )


def _disk(control: Control) -> Capability:
    usage = shutil.disk_usage(control.neighbours.home.root)
    return Capability(
        "disk",
        usage.free >= _LITTLE_DISK,
        f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB at {control.neighbours.home.root}",
        "Free some space: with less than 2 GB a build may fail (what is live goes on serving).",
    )
