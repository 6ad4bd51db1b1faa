"""`release.json` beside a release's files: a lost state database costs history, not the releases."""

from __future__ import annotations

from pullet.domain.codec import dumps
from pullet.domain.home import Home
from pullet.domain.release import Release


def keep(home: Home, release: Release) -> None:
    path = home.release(release.id) / "release.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(dumps(release))
    temporary.replace(path)
