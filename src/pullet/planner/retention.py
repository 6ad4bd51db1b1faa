"""Which releases of an environment still need their files."""

from __future__ import annotations

from pullet.domain.plan import Observed
from pullet.domain.release import Verdict

KEEP = 5  # releases that can be rolled back to without a build


def releases_to_discard(observed: Observed, goal: int | None, keep: int = KEEP) -> tuple[int, ...]:
    """Numbers of releases whose files may go: not live, not wanted, not running, and older than the newest `keep`
    that could be rolled back to. A failed release goes once `keep` newer ones of any kind exist, so its files can be
    looked at for a while."""
    useful = [release for release in observed.releases if release.verdict is not Verdict.BAD]
    kept = {release.number for release in sorted(useful, key=lambda r: r.number)[-keep:]}
    kept |= {release.number for release in sorted(observed.releases, key=lambda r: r.number)[-keep:]}
    kept |= observed.serving
    return tuple(
        release.number
        for release in observed.releases
        if release.number not in kept and release.number != goal and not release.leftovers
    )
