"""Tell what the tests of an app's releases said."""

from __future__ import annotations

from pullet.domain.errors import NotFound
from pullet.domain.identity import EnvironmentKey
from pullet.domain.testing import Kept, KeptRun
from pullet.operations.control import Control

_MOST = 50


def kept(control: Control, app: str, environment: str, release: int | None, limit: int) -> Kept:
    """Of a release (default: the newest that was tested) and `limit - 1` before it. Raises NotFound."""
    key = EnvironmentKey(app, environment)
    control.loop(app, environment)
    store = control.neighbours.store
    found = [each for each in store.results.of(key, limit=_MOST) if release is None or each[0] <= release]
    if not found or (release is not None and found[0][0] != release):
        hint = "Tests run where pullet.toml declares [gates.tests] or [gates.browser]; `pullet init` proposes them."
        raise NotFound(f"No tests were run of {key}" + (f"/{release}" if release else ""), hint=hint)
    live = store.releases.live(key)
    base = dict(store.results.of(key, limit=_MOST)).get(live) if live is not None and live != found[0][0] else None
    return Kept(app, tuple(KeptRun(*each) for each in found[:limit]), base)
