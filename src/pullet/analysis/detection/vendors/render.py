"""render.yaml: Render's blueprint."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import POSTGRESQL, VALKEY, inside, service_of

FILES = ("render.yaml", "render.yml")
CONVENTIONS = (
    ("services[].startCommand of a web service", "`processes.web.command`"),
    ("services[].startCommand of workers and private services", "a process of that name"),
    ("services[] of type cron", "`schedule.NAME`"),
    ("buildCommand, preDeployCommand, initialDeployHook", "`build.commands`, `release.commands`"),
    ("envVars with a value, generateValue, envVarGroups", "`variables`, `secrets.generated`"),
    ("databases, services of type redis or keyvalue", "PostgreSQL, Valkey"),
    ("disk.mountPath inside the repository", "a volume"),
    ("rootDir, numInstances, PYTHON_VERSION", "the folder, `processes.web.instances`, `app.python`"),
)
_HOME = ("/opt/render/project/src",)


def read(reading: Reading) -> None:
    document = reading.document
    for database in document.get("databases").items():
        reading.wish(POSTGRESQL, database)
        database.skip("name", "databaseName", "user")
    groups = {group.get("name").text: group for group in document.get("envVarGroups").items()}
    for group in groups.values():
        _variables(reading, group.get("envVars"), {})
    services = list(document.get("services").items())
    first_web = next((one for one in services if _kind(one) == "web" and _is_python(one)), None)
    for service in services:
        _service(reading, service, service is first_web, groups)


def _kind(service: Node) -> str:
    return service.get("type").text


def _is_python(service: Node) -> bool:
    return (service.get("runtime").text or service.get("env").text or "python") in ("python", "docker")


def _service(reading: Reading, service: Node, is_web: bool, groups: dict[str, Node]) -> None:
    kind, name = _kind(service), service.get("name").text
    if kind in ("redis", "keyvalue"):
        reading.wish(VALKEY, service)
        service.skip("maxmemoryPolicy", "ipAllowList")
        return
    if not _is_python(service):
        reading.lost(service, "is no Python service", name or kind)
        return
    folder = inside(service.get("rootDir").text) or "."
    start = service.get("startCommand") or service.get("dockerCommand")
    if kind == "cron":
        reading.cron(name, service.get("schedule"), start, folder)
    elif is_web:
        reading.web(start, folder)
        reading.instances(service.get("numInstances"))
        reading.health(service.get("healthCheckPath"))
    else:
        reading.worker(name, start, folder)
    reading.release(service.get("preDeployCommand"), folder)
    reading.once(service.get("initialDeployHook"), folder)
    reading.build(service.get("buildCommand"), folder)
    _variables(reading, service.get("envVars"), groups)
    if mounted := inside(service.get("disk", "mountPath").text, _HOME):
        reading.mount(mounted, service.get("disk", "mountPath"))
    service.skip("autoDeploy", "autoDeployTrigger", "branch", "repo")


def _variables(reading: Reading, variables: Node, groups: dict[str, Node]) -> None:
    for entry in variables.items():
        name, value = entry.get("key").text, entry.get("value")
        if entry.get("generateValue").text == "true":
            reading.generated(name, entry.get("key"))
        elif database := entry.get("fromDatabase"):
            reading.address(name, POSTGRESQL, database)
            database.skip("name", "property")
        elif service := entry.get("fromService"):
            reading.address(name, service_of(service.get("type").text), service)
            service.skip("name", "property", "envVarKey")
        elif entry.get("sync").text == "false":
            reading.lost(entry.get("key"), "has no value in the file: `pullet secrets set` gives it", name)
        elif group := entry.get("fromGroup").text:
            if group not in groups:
                reading.lost(entry.get("fromGroup"), "is a group of variables that is not in the file", group)
        else:
            reading.variable(name, value)
