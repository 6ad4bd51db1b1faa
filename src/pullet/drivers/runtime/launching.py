"""From a request to what the supervisor is told: command, variables, confinement."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pullet.analysis.serving import Serving, plain, serve
from pullet.domain.app import Process, Server
from pullet.domain.command import Command
from pullet.domain.home import Home
from pullet.domain.hosts import SETTINGS_VARIABLE
from pullet.domain.runtime import StartRequest, Workplace
from pullet.drivers import inside
from pullet.drivers.confinement import Confinement, Sandbox
from pullet.drivers.runtime import boot, relay, session
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.runtime.places import SocketFolder

WEB = "web"
_PATH = "/usr/local/bin:/usr/bin:/bin"
_WARM = frozenset({Server.GUNICORN, Server.UVICORN, Server.HYPERCORN, Server.DAPHNE, Server.WAITRESS})
"""Servers that import the app in the interpreter they begin in, or in forks of it (granian's workers are new ones)."""


@dataclass(frozen=True)
class Launch:
    command: Command
    serving: Serving

    @property
    def warmable(self) -> bool:
        return is_warmable(self.serving)


def is_warmable(serving: Serving) -> bool:
    return bool(serving.python) and serving.server in _WARM and not serving.assignments


class Launcher:
    def __init__(self, home: Home, sandbox: Sandbox, *, memory_by_process: bool) -> None:
        """`memory_by_process`: the box has no control groups, so a memory limit holds for each process alone."""
        self._home = home
        self._sandbox = sandbox
        self._memory_by_process = memory_by_process

    def cold(self, request: StartRequest, sockets: SocketFolder | None) -> Launch:
        """The command of an instance; with `sockets` it serves there."""
        if sockets is None:
            serving = plain(request.process.command)
            argv = serving.argv
        else:
            serving = serve(request.process.command, str(sockets.socket), on_port=request.process.on_port)
            argv = _web_argv(serving, request.workplace, sockets)
        return Launch(self._confined(argv, request, sockets), serving)

    def spare(self, request: StartRequest, sockets: SocketFolder) -> Command:
        """It sees every release of the environment: the one that it will serve does not exist yet."""
        argv = (request.workplace.python, boot.__file__, "spare")
        files = (sockets.record, sockets.preload, sockets.wake, sockets.ready)
        releases = str(self._home.environment(request.id.release.environment))
        return self._confined((*argv, *map(str, files)), request, sockets, writable=(releases,))

    def once(self, workplace: Workplace, command: str, *, timeout: float, network: bool) -> Command:
        made = Command(
            plain(command).argv,
            Path(workplace.tree),
            variables(workplace),
            timeout=timeout,
            secrets=workplace.secrets,
            ok=frozenset(range(-64, 256)),
        )
        return self._sandbox.confine(made, self._confinement(workplace, network=network))

    def attached(self, workplace: Workplace, argv: Sequence[str], term: str) -> Command:
        """A command whose words are passed as they are, in a session of its own."""
        words = (workplace.python, "-I", "-S", session.__file__, *argv)
        given = {**variables(workplace), "TERM": term}
        made = Command(words, Path(workplace.tree), given, secrets=workplace.secrets)
        return self._sandbox.confine(made, self._confinement(workplace))

    def orders(self, request: StartRequest, sockets: SocketFolder) -> dict[str, object]:
        """What a spare is told to become this instance."""
        return {
            "argv": list(serve(request.process.command, str(sockets.socket)).python),
            "cwd": request.workplace.tree,
            "environment": dict(variables(request.workplace)),
            "path": list(_import_folders(request.workplace)),
        }

    def _confined(
        self, argv: tuple[str, ...], request: StartRequest, sockets: SocketFolder | None, writable: tuple[str, ...] = ()
    ) -> Command:
        place = request.workplace
        command = Command(argv, Path(place.tree), variables(place), secrets=place.secrets)
        folders = (*(writable or (place.tree,)), *place.folders, *((str(sockets.path),) if sockets else ()))
        memory = request.process.memory if self._memory_by_process else None
        app = request.id.release.environment.app
        return self._sandbox.confine(command, Confinement(app, folders, self._readable(place), memory=memory))

    def _confinement(self, place: Workplace, *, network: bool = True) -> Confinement:
        writable = (place.tree, *place.folders)
        memory = place.memory if self._memory_by_process else None
        return Confinement(place.release.environment.app, writable, self._readable(place), network, memory)

    def _readable(self, place: Workplace) -> tuple[str, ...]:
        tree = str(self._home.tree(place.release))
        return (
            *interpreter_roots(Path(place.python)),
            *((tree,) if Path(tree).is_dir() and tree != place.tree else ()),
            *(path for path in place.python_path if not Path(path).is_relative_to(tree) and Path(path).exists()),
            *(boot.__file__, relay.__file__, session.__file__, inside.FOLDER),
            *place.readable,
        )


def _web_argv(serving: Serving, place: Workplace, sockets: SocketFolder) -> tuple[str, ...]:
    if not serving.listens_on_socket:
        return (place.python, "-I", "-S", relay.__file__, str(sockets.socket), *serving.argv)
    if is_warmable(serving):
        return (place.python, boot.__file__, "run", str(sockets.record), *serving.python)
    return serving.argv


def variables(place: Workplace) -> Mapping[str, str]:
    """What the app sees: the owner's word counts, except where Pullet could not keep its promise."""
    given, folders = dict(place.variables), _import_folders(place)
    if SETTINGS_VARIABLE in given:
        given[SETTINGS_VARIABLE] = given.get("DJANGO_SETTINGS_MODULE", given[SETTINGS_VARIABLE])
        given["DJANGO_SETTINGS_MODULE"] = "pullet_settings"
    paths = {"PYTHONPATH": os.pathsep.join(folders)} if folders else {}
    return {
        "HOME": "/tmp",  # noqa: S108 - the app's own, inside the sandbox
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "FORWARDED_ALLOW_IPS": "*",
        "PORT": "8000",
        **paths,
        **given,
        "VIRTUAL_ENV": str(Path(place.python).parents[1]),  # uWSGI's files look for it
        "PATH": f"{Path(place.python).parent}:{given.get('PATH', _PATH)}",
    }


def _import_folders(place: Workplace) -> tuple[str, ...]:
    return (*place.python_path, *((inside.FOLDER,) if SETTINGS_VARIABLE in dict(place.variables) else ()))


def serves(process: Process) -> bool:
    return process.name == WEB
