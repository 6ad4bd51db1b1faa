"""A fleet in memory: the same reading of files, no git."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pullet.config.fleet_file import parse_fleet_file
from pullet.config.fleet_reading import FleetReader, app_path
from pullet.domain.errors import PulletError
from pullet.domain.fleet import FleetState


@dataclass(frozen=True)
class Commit:
    id: str
    app: str
    text: str | None
    author: str
    reason: str


class FakeFleet:
    def __init__(self, target: str = "local") -> None:
        self._target = target
        self._reader = FleetReader(target)
        self._files: dict[str, str] = {}
        self.commits: list[Commit] = []
        self.trouble: PulletError | None = None
        """Raised by every call while it is set."""

    async def read(self) -> FleetState:
        self._raise()
        head = self.commits[-1].id if self.commits else "0" * 40
        return self._reader.state(head, {f"{app}.toml": text.encode() for app, text in self._files.items()})

    async def text(self, app: str) -> str | None:
        self._raise()
        app_path(self._target, app)
        return self._files.get(app)

    async def write(self, app: str, text: str | None, *, author: str, reason: str) -> str:
        self._raise()
        path = app_path(self._target, app)
        if text is not None:
            parse_fleet_file(app, text, path)
        if text != self._files.get(app) or not self.commits:
            self.edit_by_hand(app, text, author=author, reason=reason)
        return self.commits[-1].id

    def edit_by_hand(self, app: str, text: str | None, *, author: str = "somebody", reason: str = "") -> None:
        """A commit that nothing checked."""
        if text is None:
            self._files.pop(app, None)
        else:
            self._files[app] = text
        digest = hashlib.sha1(f"{len(self.commits)}".encode()).hexdigest()
        self.commits.append(Commit(digest, app, text, author, reason))

    def _raise(self) -> None:
        if self.trouble is not None:
            raise self.trouble
