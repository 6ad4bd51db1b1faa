"""Where everything of one Pullet lives: `$PULLET_HOME`. Paths only; nothing here touches the disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.identity import EnvironmentKey, ReleaseId, slug
from pullet.domain.services import ServiceKey

_SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path less the final NUL, unix(7)
_LONGEST_SOCKET_NAME = 40


@dataclass(frozen=True)
class Home:
    root: Path

    @property
    def database(self) -> Path:
        return self.root / "pullet.db"

    @property
    def settings(self) -> Path:
        """What was chosen when this home was first used, e.g. the router's port."""
        return self.root / "settings.toml"

    @property
    def lock(self) -> Path:
        """Held (flock) by the daemon for as long as it lives; its text is the daemon's pid."""
        return self.root / "daemon.lock"

    @property
    def daemon_log(self) -> Path:
        return self.root / "logs" / "daemon.log"

    @property
    def fleet(self) -> Path:
        """The local fleet repository, an ordinary one with a work tree: people may look and commit there."""
        return self.root / "fleet"

    @property
    def mirrors(self) -> Path:
        return self.root / "mirrors"

    @property
    def pythons(self) -> Path:
        """Python environments, one folder a digest."""
        return self.root / "pythons"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def tools(self) -> Path:
        """Programs that Pullet fetched for itself, one folder each. Never written by anything an app runs."""
        return self.root / "tools"

    @property
    def advisories(self) -> Path:
        """What is known of vulnerable packages, indexed."""
        return self.root / "advisories"

    @property
    def scratch(self) -> Path:
        """Folders of confined programs, gone as soon as each is done."""
        return self.root / "scratch"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def secrets(self) -> Path:
        """Generated secrets, one file an environment, mode 0600."""
        return self.root / "secrets"

    @property
    def target_key(self) -> Path:
        """The age identity that opens sealed secrets, mode 0600. Whoever has it reads them all."""
        return self.root / "target.key"

    @property
    def services(self) -> Path:
        """Data of backing services that belong to one environment: `<app>/<environment>/<name>/`."""
        return self.root / "services"

    @property
    def postgresql(self) -> Path:
        """The server that all of the target's databases are in."""
        return self.root / "postgresql"

    @property
    def snapshots(self) -> Path:
        """Databases as they were before release commands, `<app>/<environment>/<release>/<service>`."""
        return self.root / "snapshots"

    @property
    def run(self) -> Path:
        """Shims: one folder an instance with its specification, state and log."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def router(self) -> Path:
        return self.root / "router"

    @property
    def sockets(self) -> Path:
        """A folder for unix sockets whose path is always short enough to bind."""
        inside = self.root / "sockets"
        if len(str(inside).encode()) + 1 + _LONGEST_SOCKET_NAME <= _SOCKET_PATH_LIMIT:
            return inside
        return Path("/tmp") / f"pullet-{hashlib.sha256(str(self.root).encode()).hexdigest()[:16]}"  # noqa: S108 - made 0700 and checked for its owner by the daemon

    @property
    def api_socket(self) -> Path:
        return self.sockets / "api.sock"

    @property
    def attach_socket(self) -> Path:
        """Where `pullet run` and the command that it runs meet."""
        return self.sockets / "attach.sock"

    @property
    def hooks_socket(self) -> Path:
        """Where the router hands on what comes to `/hooks/…`: it can only wake a poll."""
        return self.sockets / "hooks.sock"

    def service(self, key: ServiceKey) -> Path:
        return self.services / key.environment.app / key.environment.name / slug(key.name)

    def environment(self, key: EnvironmentKey) -> Path:
        return self.releases / key.app / key.name

    def release(self, release: ReleaseId) -> Path:
        """Folder of one release: `tree/`, `release.json`, logs of its steps."""
        return self.environment(release.environment) / str(release.number)

    def tree(self, release: ReleaseId) -> Path:
        return self.release(release) / "tree"
