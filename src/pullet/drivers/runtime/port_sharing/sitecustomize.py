"""Lets an app whose port is written in its code start while its former release still listens there.

Python imports this by its name in every interpreter of an app that is reached through a relay: a TCP socket that is to
be bound where somebody listens already, or to a port that is root's only, gets a free port instead, and the relay
looks which port that is. Sockets that are not Python's own (uvloop's, gevent's) keep their port. Standard library only;
any Python from 3.8 on.
"""

import socket
import sys

_bind = socket.socket.bind


def bind(self: socket.socket, address: "tuple[object, ...]") -> None:
    inet = self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM
    if not inet or not isinstance(address[1], int) or not address[1]:
        _bind(self, address)
    elif _is_taken(self.family, address[1]):
        _bind_elsewhere(self, address, "somebody listens there already")
    else:
        try:
            _bind(self, address)
        except PermissionError:
            _bind_elsewhere(self, address, "that is root's only")


def _bind_elsewhere(self: socket.socket, address: "tuple[object, ...]", why: str) -> None:
    sys.stderr.write(f"pullet: not on port {address[1]} but on a free one: {why}\n")
    _bind(self, (address[0], 0, *address[2:]))


def _is_taken(family: int, port: int) -> bool:
    """Asked by connecting: with SO_REUSEPORT a second bind would succeed, and the two would share what comes in."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1" if family == socket.AF_INET else "::1", port)) == 0


socket.socket.bind = bind  # type: ignore[method-assign,assignment]
