"""Lets an app whose port is written in its code start while its former release still listens there.

Used where the app is reached through a relay: a TCP socket that is to be bound where somebody listens already, or to a
port that is root's only, gets a free port instead, and the relay looks which port that is. Of Python's own sockets,
uvloop's and gevent's; a server that binds in a language of its own keeps its port.
"""

import socket
import sys

from pullet_imports import after_import  # type: ignore[import-not-found]

_bind = socket.socket.bind


def free(port: object, family: int = socket.AF_INET) -> object:
    """`port`, or 0 for any free one where that cannot be had."""
    if not isinstance(port, int) or not port:
        return port
    if _is_taken(family, port):
        why = "somebody listens there already"
    elif port < 1024 and _is_roots(family, port):
        why = "that is root's only"
    else:
        return port
    sys.stderr.write(f"pullet: not on port {port} but on a free one: {why}\n")
    return 0


def _is_roots(family: int, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            _bind(probe, ("", port))
        except PermissionError:
            return True
        except OSError:
            return False
    return False


def _is_taken(family: int, port: int) -> bool:
    """Asked by connecting: with SO_REUSEPORT a second bind would succeed, and the two would share what comes in."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1" if family == socket.AF_INET else "::1", port)) == 0


def bind(self: socket.socket, address: "tuple[object, ...]") -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM:
        address = (address[0], free(address[1], self.family), *address[2:])
    _bind(self, address)


socket.socket.bind = bind  # type: ignore[method-assign,assignment]


@after_import("uvloop")
def watch_uvloop(module):  # type: ignore[no-untyped-def]
    create_server = module.Loop.create_server

    async def create_server_where_free(self, factory, host=None, port=None, **more):  # type: ignore[no-untyped-def]
        return await create_server(self, factory, host, free(port), **more)

    module.Loop.create_server = create_server_where_free


@after_import("gevent.server")
def watch_gevent(module):  # type: ignore[no-untyped-def]
    listen = module._tcp_listener

    def listen_where_free(address, *args, **kwargs):  # type: ignore[no-untyped-def]
        return listen((address[0], free(address[1]), *address[2:]), *args, **kwargs)

    module._tcp_listener = listen_where_free
