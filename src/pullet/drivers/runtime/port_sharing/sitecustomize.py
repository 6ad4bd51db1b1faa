"""Lets an app whose port is written in its code start while its former release still listens there.

Python imports this by its name in every interpreter of an app that is reached through a relay: a TCP socket that is to
be bound where somebody listens already gets a free port instead, and the relay looks which port that is. Sockets that
are not Python's own (uvloop's, gevent's) keep their port. Standard library only; any Python from 3.8 on.
"""

import socket
import sys

_bind = socket.socket.bind


def bind(self: socket.socket, address: "tuple[object, ...]") -> None:
    inet = self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM
    if inet and isinstance(address[1], int) and address[1] and _is_taken(self.family, address[1]):
        sys.stderr.write(f"pullet: somebody listens on port {address[1]} already, so a free one is used\n")
        address = (address[0], 0, *address[2:])
    _bind(self, address)


def _is_taken(family: int, port: int) -> bool:
    """Asked by connecting: with SO_REUSEPORT a second bind would succeed, and the two would share what comes in."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1" if family == socket.AF_INET else "::1", port)) == 0


socket.socket.bind = bind  # type: ignore[method-assign,assignment]
