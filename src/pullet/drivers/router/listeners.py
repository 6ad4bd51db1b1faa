"""Who listens on a TCP port of this box, read from /proc: Caddy shares its port (SO_REUSEPORT), so a successful bind
proves nothing."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable
from pathlib import Path

_LISTEN = "0A"  # state in /proc/net/tcp, include/net/tcp_states.h
_PROC = Path("/proc")


def listening_inodes(port: int) -> frozenset[int]:
    """Inodes of the sockets that listen on the port, on whichever address."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    found.add(int(columns[9]))
    return frozenset(found)


def socket_inodes(pid: int) -> frozenset[int]:
    """Inodes of the sockets that a process holds; empty where it is gone or not ours to look into."""
    found = set()
    with contextlib.suppress(OSError):
        for handle in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                link = str(handle.readlink())
                if link.startswith("socket:["):
                    found.add(int(link[8:-1]))
    return frozenset(found)


def strangers(port: int, own: Iterable[int]) -> frozenset[int]:
    """Inodes that listen on the port and belong to none of our processes."""
    return listening_inodes(port).difference(*(socket_inodes(pid) for pid in own))


def describe_holder(inodes: frozenset[int]) -> str:
    """`nginx (pid 812)`, as far as the box lets us see."""
    for pid in sorted(int(folder.name) for folder in _PROC.iterdir() if folder.name.isdecimal()):
        if inodes & socket_inodes(pid):
            with contextlib.suppress(OSError):
                return f"{(_PROC / str(pid) / 'comm').read_text().strip()} (pid {pid})"
    return "a process of another user" if inodes else "nobody that /proc shows"


def why_not_bindable(port: int) -> str | None:
    """None where all addresses of the port are free to bind; else `taken` or what the system says.

    A bind that is not permitted here may be permitted to the router (its own capability), so that is no obstacle.
    """
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 - a trial
        try:
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind((address, port))
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                return "taken"
            if err.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM):
                return str(err)
    return None
