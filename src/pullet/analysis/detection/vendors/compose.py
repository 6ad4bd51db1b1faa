"""compose.yaml: services beside the app, and workers that run its code. Its variables are for development."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import service_of

FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
CONVENTIONS = (
    ("services with an image of PostgreSQL, Redis or Valkey", "PostgreSQL, Valkey"),
    (
        "command of the services that are built here",
        "`processes.web.command` where nothing better is found, processes",
    ),
    ("environment", "nothing: values for development; names are told apart by the code that reads them"),
)
_WEB = ("web", "app", "api", "server", "backend", "django", "flask", "fastapi")


def read(reading: Reading) -> None:
    document = reading.document
    document.skip("version", "volumes", "networks", "name", *(key for key, _ in document.entries() if key[:2] == "x-"))
    services = dict(document.get("services").entries())
    for name, service in services.items():
        if kind := service_of(service.get("image").text.rpartition("/")[2]):
            reading.wish(kind, service)
        elif not service.get("build") or _is_assets(service):
            reading.lost(service, "is a container of its own", name)
    ours = {name: one for name, one in services.items() if one.get("build") and not _is_assets(one)}
    web = next((name for name in _WEB if name in ours), next(iter(ours), ""))
    for name, service in services.items():
        for key, _ in service.entries():
            service.skip(key)
        if name in ours:
            _own(reading, name, service, name == web)


def _is_assets(service: Node) -> bool:
    return any(word in service.get("command").lines for word in ("yarn", "npm", "pnpm", "node "))


def _own(reading: Reading, name: str, service: Node, is_web: bool) -> None:
    command = service.get("command")
    if isinstance(command.value, list):
        command = Node(" ".join(_word(item.text) for item in command.items()), command.line, "command")
    if is_web:
        reading.web(command)
    elif command:
        reading.worker(name, command)


def _word(text: str) -> str:
    return text if text and not set(text) & set(" \t;&|<>()'\"") else "'" + text.replace("'", "'\\''") + "'"
