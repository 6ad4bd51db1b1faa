"""Which process is the app's own, below the sandbox's, remembered for as long as both live.

Finding it reads the whole of /proc (not every kernel lists a process's children), and every look at an instance asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from pullet.drivers.runtime import proc

_MOST = 4096  # remembered; beyond it all are found anew


@dataclass(frozen=True)
class _Found:
    """With their start times the pids are identities that are never used again."""

    born: int | None
    app: int
    app_born: int | None


class AppPids:
    """`proc.app_pid` with a memory."""

    def __init__(self) -> None:
        self._found: dict[int, _Found] = {}

    def of(self, child: int) -> int | None:
        """The app's process at or below `child`, a shim's; None while the sandbox is still being set up."""
        born, known = proc.start_time(child), self._found.get(child)
        if known is not None and born is not None and known.born == born and _lives(known):
            return known.app
        app = proc.app_pid(child)
        if app is not None:
            self._remember(child, _Found(born, app, proc.start_time(app)))
        return app

    def _remember(self, child: int, found: _Found) -> None:
        if len(self._found) >= _MOST:
            self._found.clear()
        self._found[child] = found


def _lives(found: _Found) -> bool:
    """Still the same process, and not (it was seen before its exec) the sandbox after all."""
    try:
        name, fields = proc.stat_fields(found.app)
    except OSError:
        return False
    return int(fields[proc.START_TIME]) == found.app_born and name not in proc.WRAPPERS
