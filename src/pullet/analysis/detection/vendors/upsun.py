""".platform.app.yaml, .platform/ and .upsun/config.yaml: Platform.sh and Upsun."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import inside, python_series, service_of

FILES = (".platform.app.yaml", ".platform/applications.yaml", ".platform/services.yaml", ".upsun/config.yaml")
CONVENTIONS = (
    ("web.commands.start, workers.NAME.commands.start", "`processes.web.command`, a process of that name"),
    ("hooks.build; hooks.deploy and hooks.post_deploy", "`build.commands`; `release.commands`"),
    ("crons.NAME.spec and .commands.start", "`schedule.NAME`"),
    ("relationships, services", "PostgreSQL, Valkey"),
    ("mounts", "volumes"),
    ("type, stack; variables.env", "`app.python`; `variables`"),
)
_PASSING = ("logs", "log", "tmp", "run", "cache", "build", "static", "staticfiles")


def read(reading: Reading) -> None:
    document = reading.document
    if reading.path.endswith("services.yaml"):
        _services(reading, document)
        return
    _services(reading, document.get("services"))
    document.skip("routes")
    for part, application in _applications(reading, document):
        _application(part, application)
        if part is not reading:
            part.report_unseen()
        return  # the first is the one with the site, as a rule; the rest is listed as not carried


def _applications(reading: Reading, document: Node) -> Iterator[tuple[Reading, Node]]:
    """Those in Python. A list may include other files, which is a tag of theirs: such an item is the file's name."""
    if reading.path.endswith(".platform.app.yaml"):
        yield reading, document
        return
    entries = [node for _, node in document.get("applications").entries()] or list(document.items())
    for entry in entries:
        if entry.text.endswith((".yaml", ".yml")) and (name := inside(entry.text)):
            part = reading.include(f".platform/{name}")
            yield part, part.document
        elif _is_python(entry):
            yield reading, entry


def _is_python(application: Node) -> bool:
    kind = application.get("type").text
    return kind.startswith("python") or bool(_stack(application))


def _stack(application: Node) -> str:
    texts = [(item.text, next(iter(item.entries()), ("", item))[0]) for item in application.get("stack").items()]
    texts += [(item.text, "") for item in application.get("stack", "runtimes").items()]
    return next((text or key for text, key in texts if (text or key).startswith("python")), "")


def _services(reading: Reading, services: Node) -> None:
    for name, service in services.entries():
        if kind := service_of(service.get("type").text):
            reading.wish(kind, service)
            service.skip("disk", "size", "configuration")
        else:
            reading.lost(service, "is a service that Pullet has nothing like", f"{name}: {service.get('type').text}")


def _application(reading: Reading, application: Node) -> None:
    folder = inside(application.get("source", "root").text.strip("/")) or "."
    version = application.get("type") or application.get("stack")
    if series := python_series(version.text or _stack(application)):
        reading.say("app.python", series, version, f"asks for Python {series}")
    reading.web(application.get("web", "commands", "start"), folder)
    _static(reading, application.get("web", "locations"))
    for name, worker in application.get("workers").entries():
        reading.worker(name, worker.get("commands", "start"), folder)
    hooks = application.get("hooks")
    reading.build(hooks.get("build"), folder)
    for hook in (hooks.get("deploy"), hooks.get("post_deploy")):
        reading.release(hook, folder)
    for name, cron in application.get("crons").entries():
        reading.cron(name, cron.get("spec"), cron.get("commands", "start") or cron.get("cmd"), folder)
    for name, value in application.get("variables", "env").entries():
        reading.variable(name, value)
    for mount, entry in application.get("mounts").entries():
        _mount(reading, mount, entry)
    for name, target in application.get("relationships").entries():
        kind = target.text or target.get("service").text or name
        reading.relationship(
            name, service_of(kind) or service_of(target.get("endpoint").text) or service_of(name), target
        )
        target.skip("service", "endpoint")
    application.skip("name", "dependencies", "disk", "size", "build")
    application.get("web").skip("upstream")


def _mount(reading: Reading, mount: str, entry: Node) -> None:
    entry.skip("source", "source_path", "service")
    path = inside(mount.strip("/"))
    if not path or path.startswith(".") or path.split("/")[-1] in _PASSING or entry.get("source").text == "tmp":
        reading.lost(entry, "holds nothing that has to outlive a release", mount)
    else:
        reading.mount(path, entry)


def _static(reading: Reading, locations: Node) -> None:
    for url, location in locations.entries():
        location.skip("passthru", "expires", "allow", "scripts", "index", "headers", "rules")
        if root := location.get("root").text:
            reading.changed(location, f"{url} -> {root}", "is served as Django's settings say, else by the app itself")
