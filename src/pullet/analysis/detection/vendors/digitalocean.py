""".do/app.yaml: an app spec of DigitalOcean's App Platform."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import inside, service_of

FILES = (".do/app.yaml", ".do/app.yml", ".do/deploy.template.yaml")
CONVENTIONS = (
    ("services[].run_command", "`processes.web.command` of the first, processes of the others"),
    ("workers[].run_command", "a process of that name"),
    ("jobs[] of kind PRE_DEPLOY and POST_DEPLOY", "`release.commands`"),
    ("jobs[] with a schedule", "`schedule.NAME`"),
    ("build_command, source_dir, instance_count", "`build.commands`, the folder, `processes.web.instances`"),
    ("envs[] with a value", "`variables`"),
    ("databases[] of engine PG, REDIS or VALKEY", "PostgreSQL, Valkey"),
)


def read(reading: Reading) -> None:
    document = reading.document.get("spec") or reading.document
    document.skip("name", "region")
    for database in document.get("databases").items():
        kind = service_of(database.get("engine").text or "pg")
        if kind:
            reading.wish(kind, database)
            database.skip("name", "version", "production", "cluster_name", "db_name", "db_user")
    _variables(reading, document.get("envs"))
    for number, service in enumerate(document.get("services").items()):
        folder = _component(reading, service)
        if number == 0:
            reading.web(service.get("run_command"), folder)
            reading.instances(service.get("instance_count"))
            reading.health(service.get("health_check", "http_path"))
        else:
            reading.worker(service.get("name").text, service.get("run_command"), folder)
        service.skip("http_port", "routes", "environment_slug")
    for worker in document.get("workers").items():
        reading.worker(worker.get("name").text, worker.get("run_command"), _component(reading, worker))
        worker.skip("environment_slug", "instance_count")
    for job in document.get("jobs").items():
        _job(reading, job)


def _job(reading: Reading, job: Node) -> None:
    folder, kind, command = _component(reading, job), job.get("kind").text, job.get("run_command")
    if when := (job.get("schedule", "cron") or job.get("schedule")):
        reading.cron(job.get("name").text, when, command, folder)
    elif kind in ("PRE_DEPLOY", "POST_DEPLOY", ""):
        reading.release(command, folder)
        if kind == "POST_DEPLOY":
            reading.changed(job, command.text, "runs before the new processes start, not after")
    else:
        reading.lost(job, f"jobs of kind {kind} are unknown here", command.text)


def _component(reading: Reading, component: Node) -> str:
    folder = inside(component.get("source_dir").text) or "."
    reading.build(component.get("build_command"), folder)
    _variables(reading, component.get("envs"))
    component.skip("github", "git", "gitlab", "name", "source_dir")
    return folder


def _variables(reading: Reading, variables: Node) -> None:
    for entry in variables.items():
        name, value = entry.get("key").text, entry.get("value")
        entry.skip("scope")
        if "." in value.text and value.text.startswith("${"):
            reading.address(name, service_of(value.text.partition(".")[0] + " " + name.partition("_")[0]), value)
        elif entry.get("type").text == "SECRET":
            reading.lost(entry, "is encrypted for the vendor: `pullet secrets set` gives it", name)
        else:
            reading.variable(name, value)
