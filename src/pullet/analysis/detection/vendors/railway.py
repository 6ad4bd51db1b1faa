"""railway.json, railway.toml and nixpacks.toml: Railway, and the builder that it had."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading

FILES = ("railway.json", "railway.toml", "nixpacks.toml")
CONVENTIONS = (
    ("deploy.startCommand, deploy.preDeployCommand", "`processes.web.command`, `release.commands`"),
    ("build.buildCommand, deploy.numReplicas", "`build.commands`, `processes.web.instances`"),
    ("deploy.cronSchedule with a start command", "`schedule.job`"),
    ("nixpacks: start.cmd, phases.*.cmds, variables", "`processes.web.command`, `build.commands`, `variables`"),
)


def read(reading: Reading) -> None:
    document = reading.document
    document.skip("$schema")
    if reading.path.endswith("nixpacks.toml"):
        _nixpacks(reading, document)
        return
    deploy, build = document.get("deploy"), document.get("build")
    when, start = deploy.get("cronSchedule"), deploy.get("startCommand")
    if when:
        reading.cron("job", when, start)
    else:
        reading.web(start)
    reading.release(deploy.get("preDeployCommand"))
    reading.instances(deploy.get("numReplicas"))
    reading.health(deploy.get("healthcheckPath"))
    reading.build(build.get("buildCommand"))
    build.skip("builder", "watchPatterns")
    deploy.skip("restartPolicyType", "restartPolicyMaxRetries", "healthcheckTimeout", "runtime")


def _nixpacks(reading: Reading, document: Node) -> None:
    reading.web(document.get("start", "cmd"))
    for _, phase in document.get("phases").entries():
        phase.skip("dependsOn")
        for command in phase.get("cmds").items():
            reading.build(command)
    for name, value in document.get("variables").entries():
        reading.variable(name, value)
    document.skip("providers")
