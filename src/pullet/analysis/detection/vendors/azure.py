"""azure.yaml: the Azure Developer CLI's. It says little; start-up scripts beside it say the rest."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import inside

FILES = ("azure.yaml", "azure.yml")
CONVENTIONS = (
    ("services of language py or python: project", "the folder"),
    ("startup.sh, src/entrypoint.sh and the like in that folder", "`processes.web.command`, `release.commands`"),
    ("services.NAME.env", "`variables`"),
)
_SCRIPTS = ("startup.sh", "start.sh", "entrypoint.sh", "startup.txt", "run.sh")


def read(reading: Reading) -> None:
    document = reading.document
    document.skip("name", "metadata", "infra", "requiredVersions", "pipeline", "resourceGroup")
    for hook, node in document.get("hooks").entries():
        node.skip("run", "shell", "posix", "windows", "interactive", "continueOnError")
        reading.lost(node, "is about Azure's resources as a rule: run what the app needs as a release command", hook)
    for name, service in document.get("services").entries():
        service.skip("host", "resourceName", "docker", "dist")
        if service.get("language").text not in ("py", "python", "docker", ""):
            reading.lost(service, "is no Python service", name)
            continue
        folder = inside(service.get("project").text) or "."
        for key, value in service.get("env").entries():
            reading.variable(key, value)
        _script(reading, service, folder)
        return


def _script(reading: Reading, service: Node, folder: str) -> None:
    for base in dict.fromkeys((folder, "src", ".")):
        for name in _SCRIPTS:
            path = name if base == "." else f"{base}/{name}"
            if reading.repository.top.text(path):
                reading.web(Node(f"sh {path}", service.line, "services"))
                return
