"""Which command serves an application: the server the app already depends on, else one that Pullet adds."""

from __future__ import annotations

from dataclasses import dataclass

from pullet.analysis.detection.applications import ASGI, Application
from pullet.analysis.detection.django import DjangoProject
from pullet.analysis.detection.repository import module_name

# uvicorn tells websockets to go (1012) and finishes what is in flight; granian closes them without a word, but is the
# leaner one for WSGI. Measured in bench/start.py.
ADDED_FOR_ASGI = "uvicorn[standard]>=0.34,<1"
ADDED_FOR_WSGI = "granian>=2.6,<3"
_WSGI_SERVERS = ("gunicorn", "granian", "waitress")
_ASGI_SERVERS = ("uvicorn", "hypercorn", "granian", "daphne")
_ASYNC_FRAMEWORKS = ("fastapi", "starlette", "litestar", "quart")


@dataclass(frozen=True)
class Serving:
    command: str
    added: tuple[str, ...]
    """Requirements that the command needs and the app does not have."""
    because: str


def serve_application(application: Application, requirements: frozenset[str]) -> Serving:
    interface = application.interface
    if interface == "unknown":
        interface = ASGI if any(name in requirements for name in _ASYNC_FRAMEWORKS) else "wsgi"
    return _serve(application.target, interface, application.factory, requirements)


def serve_django(project: DjangoProject, requirements: frozenset[str]) -> Serving | None:
    """ASGI only where the project depends on an ASGI server and on no WSGI one. None without either module."""
    asynchronous = any(name in requirements for name in _ASGI_SERVERS[:2] + _ASGI_SERVERS[3:])
    if project.asgi is not None and (project.wsgi is None or (asynchronous and "gunicorn" not in requirements)):
        return _serve(f"{module_name(project.asgi)}:application", ASGI, False, requirements)
    if project.wsgi is not None:
        return _serve(f"{module_name(project.wsgi)}:application", "wsgi", False, requirements)
    return None


def added_for_command(command: str, requirements: frozenset[str]) -> tuple[str, ...]:
    """A server that the owner's own command names but no dependency file does."""
    words = command.replace("=", " ").split()
    known = {"uvicorn": ADDED_FOR_ASGI, "granian": ADDED_FOR_WSGI, "gunicorn": "gunicorn>=23"}
    return tuple(wanted for name, wanted in known.items() if name in words and name not in requirements)


def _serve(target: str, interface: str, factory: bool, requirements: frozenset[str]) -> Serving:
    servers = _ASGI_SERVERS if interface == ASGI else _WSGI_SERVERS
    server = next((name for name in servers if name in requirements), None)
    if server is not None:
        return Serving(_command(server, target, interface, factory), (), f"{server} is among the dependencies")
    added = ADDED_FOR_ASGI if interface == ASGI else ADDED_FOR_WSGI
    server = "uvicorn" if interface == ASGI else "granian"
    return Serving(
        _command(server, target, interface, factory), (added,), f"no server is among the dependencies: {server}"
    )


def _command(server: str, target: str, interface: str, factory: bool) -> str:
    match server:
        case "gunicorn":
            # One process with threads: a slow request does not hold the others up, and memory stays small.
            return f'gunicorn --threads 4 "{target}()"' if factory else f"gunicorn --threads 4 {target}"
        case "granian":
            return f"granian --interface {interface}{' --factory' if factory else ''} {target}"
        case "waitress":
            return f"waitress-serve{' --call' if factory else ''} {target}"
        case "hypercorn":
            return f'hypercorn "{target}()"' if factory else f"hypercorn {target}"
        case "daphne":
            return f"daphne {target}"
        case _:
            return f"uvicorn {target}{' --factory' if factory else ''}"
