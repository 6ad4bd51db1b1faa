"""scalingo.json and app.json's relatives: add-ons, formation, scripts and variables of Heroku's kind."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import service_of

FILES = ("scalingo.json", "app.json")
CONVENTIONS = (
    ("env: a value, `generator: secret`", "`variables`, `secrets.generated`"),
    ("addons", "PostgreSQL, Valkey"),
    ("formation.web.quantity or .amount", "`processes.web.instances`"),
    ("scripts.dokku.predeploy; migrations in scripts.postdeploy", "`release.commands`"),
    ("cron.json's jobs, also `cron` of app.json", "`schedule.NAME`"),
)
_ABOUT = ("name", "description", "logo", "repository", "website", "keywords", "success_url", "$schema", "stack")


def read(reading: Reading) -> None:
    document = reading.document
    document.skip(*_ABOUT, "buildpacks", "environments", "image")
    for addon in document.get("addons").items():
        plan = addon.get("plan").text or addon.text
        addon.skip("options", "as")
        if kind := service_of(plan):
            reading.wish(kind, addon)
        else:
            reading.lost(addon, "is an add-on that Pullet has nothing like", plan)
    web = document.get("formation", "web")
    web.skip("size")
    reading.instances(web.get("quantity") or web.get("amount"))
    for name, entry in document.get("env").entries():
        _variable(reading, name, entry)
    scripts = document.get("scripts")
    reading.release(scripts.get("dokku", "predeploy"))
    for key in ("postdeploy", "first-deploy"):
        reading.once(scripts.get(key))
    scripts.skip("test", "test-setup", "pr-predestroy")
    for number, job in enumerate(document.get("cron").items(), 1):
        reading.cron(f"job-{number}", job.get("schedule"), job.get("command"))


def _variable(reading: Reading, name: str, entry: Node) -> None:
    if not isinstance(entry.value, dict):
        reading.variable(name, entry)
        return
    entry.skip("description", "required")
    if entry.get("generator").text == "secret":
        reading.generated(name, entry)
    else:
        reading.variable(name, entry.get("value"))
