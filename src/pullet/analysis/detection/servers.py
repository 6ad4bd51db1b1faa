"""Application servers: which one serves an application, and its command line. Commands do not bind: the runtime adds
the socket."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import PurePosixPath

from pullet.analysis.detection.application import ASGI, WSGI, Application
from pullet.domain.app import Server

# uvicorn tells websockets to go (1012) and finishes what is in flight; granian closes them without a word, but is the
# leaner one for WSGI (docs/adr/0010).
DEFAULT = {WSGI: Server.GRANIAN, ASGI: Server.UVICORN}

PREFERENCE = {
    WSGI: (Server.GUNICORN, Server.GRANIAN, Server.WAITRESS, Server.HYPERCORN),
    ASGI: (Server.UVICORN, Server.GRANIAN, Server.HYPERCORN, Server.DAPHNE),
}

REQUIREMENTS = {
    # What is installed where an app names a server that it does not list: the newest for its Python, if need be one for
    # a Python that is old.
    Server.GRANIAN: "granian>=2.8,<3",
    Server.GUNICORN: "gunicorn>=20.1",
    Server.UVICORN: "uvicorn[standard]>=0.20",
    Server.HYPERCORN: "hypercorn>=0.14",
    Server.DAPHNE: "daphne>=4",
    Server.WAITRESS: "waitress>=2.1",
}

_PROGRAMS = {**{str(server): server for server in REQUIREMENTS}, "waitress-serve": Server.WAITRESS}


def choose_server(application: Application, available: Collection[str], *, from_before: bool = False) -> Server:
    """The best of the app's own servers that can serve the application, else the default one: for an app of pins
    `from_before` today's servers the one that goes with almost anything."""
    own = (server for server in PREFERENCE[application.interface] if server in available)
    usable = (server for server in own if not (server is Server.DAPHNE and application.factory))
    old = Server.GUNICORN if from_before and application.interface == WSGI else DEFAULT[application.interface]
    return next(usable, old)


def serve(server: Server, application: Application, green: str = "") -> str:
    """The command line. `green`: the library by which the app patches the standard library (`gevent`), where it does.

    >>> serve(Server.GUNICORN, Application("wsgi", "shop.wsgi", "application"))
    'gunicorn --threads 4 shop.wsgi:application'
    """
    plain = f"{application.module}:{application.name}"
    match server:
        case Server.GRANIAN:
            factory = ["--factory"] if application.factory else []
            return shlex.join(["granian", "--interface", application.interface, *factory, plain])
        case Server.UVICORN:
            return shlex.join(["uvicorn", *(["--factory"] if application.factory else []), plain])
        case Server.WAITRESS:
            return shlex.join(["waitress-serve", *(["--call"] if application.factory else []), plain])
        case Server.HYPERCORN:
            return shlex.join(["hypercorn", f"{'wsgi:' if application.interface == WSGI else ''}{application.target}"])
        case _:
            # One gunicorn process with threads: a slow request holds nobody up, and memory stays small.
            threads = ["--worker-class", green] if green else ["--threads", "4"]
            threads = threads if server is Server.GUNICORN else []
            return shlex.join([str(server), *threads, application.target])


def server_of(command: str) -> Server | None:
    """The server that a command line starts, also as `python -m gunicorn …`, `exec …` or `NAME=value gunicorn …`."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    while words and (words[0] == "exec" or "=" in words[0]):
        words = words[1:]
    if len(words) > 2 and PurePosixPath(words[0]).name.startswith("python") and words[1] == "-m":
        words = words[2:]
    return _PROGRAMS.get(PurePosixPath(words[0]).name) if words else None
