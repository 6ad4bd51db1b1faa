"""The data folder of the target's server and what belongs to it.

Layout below `Home.postgresql`, which as root belongs to Pullet but for `data`:

    data/               the cluster; as root the server's user's
    programs/<version>  the wheel's programs, copied when a cluster was first run with them: the next Pullet may bring
                        another major version, and as root the wheel may lie where the server's user cannot go
    conf/               postgresql.conf and pg_hba.conf, written anew at each start; custom.conf there has the last word
    port, superuser     a number; a password (0600)
    databases/          one file a database: whose it is, and its password (0600)
    server/             the shim
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, RuntimeFailed, ServiceFailed
from pullet.domain.home import Home
from pullet.drivers.process import ProcessRunner, last_lines
from pullet.drivers.runtime.sandbox import find_bwrap
from pullet.drivers.runtime.users import user_of
from pullet.drivers.services.postgresql.programs import IN_WHEEL, Programs
from pullet.drivers.services.postgresql.sql import write_private

SUPERUSER = "pullet"
_USER = "_postgresql"  # no app can have this name
_PORTS = range(20_000, 30_000)  # below what Linux gives to outgoing connections

# Apps may enter the database that is named as their role, and none other; through the unix socket comes Pullet only.
_HBA = f"""local all all scram-sha-256
host all {SUPERUSER} all reject
host sameuser all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Cluster:
    home: Home

    @property
    def folder(self) -> Path:
        return self.home.postgresql

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    @property
    def shim(self) -> Path:
        return self.folder / "server"

    @property
    def sockets(self) -> Path:
        """Who can pass this folder can knock at the server: Pullet and the server's user."""
        return self.home.sockets / "postgresql"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def major(self) -> int | None:
        """Of the data; None where there is none yet."""
        return int((self.data / "PG_VERSION").read_text()) if self.exists else None

    @property
    def user(self) -> int | None:
        """uid and gid of the server; None: Pullet's own, where it is not root."""
        return user_of(self.home.root / "users.json", _USER) if os.geteuid() == 0 else None

    @property
    def port(self) -> int:
        """The same ever after: apps were given it. Out of the ephemeral range, so that no connection takes it."""
        path = self.folder / "port"
        if not path.exists():
            write_private(path, str(_free_port()))
        return int(path.read_text())

    @property
    def password(self) -> str:
        """The superuser's. Written before the cluster is made with it."""
        path = self.folder / "superuser"
        if not path.exists():
            if self.exists:
                raise ServiceFailed(f"The superuser's password is lost: {path}", hint="Restore the file from a backup.")
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()


def keep_programs(cluster: Cluster, programs: Programs) -> Programs:
    """The programs to run: those of the wheel as a copy of our own."""
    if not programs.embedded or programs.bin.is_relative_to(cluster.programs):
        return programs
    kept = cluster.programs / programs.version
    if not kept.exists():
        new = cluster.programs / "new"
        shutil.rmtree(new, ignore_errors=True)
        programs.copy_to(new)
        new.rename(kept)
    return replace(programs, bin=kept / IN_WHEEL)


def prepare_folders(cluster: Cluster) -> None:
    """Ways in for the server's user, and for nobody a way to read. Raises ServiceFailed where there is no way."""
    for folder in (cluster.folder, cluster.conf, cluster.programs, cluster.home.sockets, cluster.sockets):
        folder.mkdir(parents=True, exist_ok=True)
    cluster.folder.chmod(0o711)
    user = cluster.user
    cluster.sockets.chmod(0o700)
    if user is None:
        return
    os.chown(cluster.sockets, user, user)
    for folder in (cluster.home.root, cluster.home.sockets):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)  # to pass through, not to read
    for parent in cluster.home.root.resolve().parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise ServiceFailed(
                f"PostgreSQL runs as a user of its own, which cannot pass through {parent}",
                hint=f"Choose another PULLET_HOME, or open the way: chmod o+x {parent}",
            )


async def initialise(cluster: Cluster, programs: Programs, runner: ProcessRunner) -> None:
    """Make the data folder: whole under another name first. Raises ServiceFailed, DiskFull, OSError."""
    new, secret = cluster.folder / "data.new", cluster.folder / "superuser.initdb"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    write_private(secret, cluster.password)
    if (user := cluster.user) is not None:
        os.chown(new, user, user)
        os.chown(secret, user, user)
    argv = (programs["initdb"], "--pgdata", str(new), "--username", SUPERUSER, "--pwfile", str(secret))
    how = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums")
    try:
        wrapped = _with_name(cluster, user, *argv, *how)
        await runner.run(Command(wrapped, cwd=Path("/"), environment=plain(), timeout=120))
    except (CommandFailed, RuntimeFailed) as err:
        hint = f"Should it be its user: useradd --system --uid {user} pullet-postgresql" if user else ""
        raise ServiceFailed(
            "Could not make the PostgreSQL cluster", context=last_lines(err.context), hint=hint
        ) from err
    finally:
        secret.unlink(missing_ok=True)
    new.rename(cluster.data)


def configure(cluster: Cluster) -> tuple[str, ...]:
    """Write the server's settings; its arguments."""
    cluster.conf.chmod(0o755)
    _write_public(cluster.conf / "pg_hba.conf", _HBA)
    settings = {
        "data_directory": str(cluster.data),
        "hba_file": str(cluster.conf / "pg_hba.conf"),
        "ident_file": str(cluster.data / "pg_ident.conf"),
        "unix_socket_directories": str(cluster.sockets),
        "port": str(cluster.port),
        **_SETTINGS,
    }
    lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
    _write_public(cluster.conf / "postgresql.conf", "".join(lines) + "include = 'custom.conf'\n")
    if not (cluster.conf / "custom.conf").exists():
        _write_public(cluster.conf / "custom.conf", "# Settings of your own, from the server's next start on.\n")
    return ("-c", f"config_file={cluster.conf / 'postgresql.conf'}")


_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "max_connections": "320",
    "superuser_reserved_connections": "8",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",  # a start after kill -9 replays at most about this much
    "wal_level": "minimal",  # what is loaded into a table made in the same transaction needs no WAL
    "max_wal_senders": "0",
    "fsync": "on",
    "full_page_writes": "on",
    "logging_collector": "off",  # the shim keeps and rotates the log
    "log_line_prefix": "%m %d ",
    "log_min_error_statement": "panic",  # statements of apps may hold what nobody shall read in a log
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _with_name(cluster: Cluster, user: int | None, *argv: str) -> tuple[str, ...]:
    """initdb (and nothing else) insists that its user has a name: here it has one that only initdb sees."""
    bwrap = find_bwrap()
    if user is None or bwrap is None or _has_name(user):
        return _as_user(user, *argv)
    names = cluster.folder / "passwd"
    _write_public(names, f"root:x:0:0::/:/bin/false\npostgres:x:{user}:{user}::/:/bin/false\n")
    binds = ("--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--ro-bind", str(names), "/etc/passwd")
    return (bwrap, *binds, "--", *_as_user(user, *argv))


def _has_name(user: int) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(user).pw_name)
    return False


def _as_user(user: int | None, *argv: str) -> tuple[str, ...]:
    """The argv that runs as `user`, without any other group."""
    if user is None:
        return argv
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServiceFailed("setpriv is missing: PostgreSQL refuses to run as root", hint="Install util-linux.")
    return (setpriv, f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", *argv)


def plain() -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def why_port_taken(cluster: Cluster) -> ServiceFailed | None:
    """Whether somebody else holds the server's port, asked while the server does not run."""
    try:
        with socket.create_server(("127.0.0.1", cluster.port)):
            return None
    except OSError:
        return ServiceFailed(
            f"Port {cluster.port} of the PostgreSQL server is taken by another program",
            hint=f"Stop that program: apps were told this port. `ss -ltnp sport = :{cluster.port}` names it.",
        )


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise ServiceFailed(f"No port from {_PORTS.start} to {_PORTS.stop - 1} is free for PostgreSQL")


def _write_public(path: Path, content: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(content)
    new.chmod(0o644)
    new.rename(path)
