"""fly.toml: Fly.io."""

from __future__ import annotations

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import inside

FILES = ("fly.toml",)
CONVENTIONS = (
    ("processes", "processes; `app` and `web` are `web`"),
    ("deploy.release_command", "`release.commands`"),
    ("env", "`variables`"),
    ("mounts inside the repository", "volumes"),
)
_ROOTS = ("/app", "/code", "/workspace")
_WEB = ("app", "web", "server")


def read(reading: Reading) -> None:
    document = reading.document
    document.skip("app", "primary_region", "kill_signal", "kill_timeout", "build", "http_service", "services", "vm")
    processes = dict(document.get("processes").entries())
    web = next((name for name in _WEB if name in processes), "")
    for name, command in processes.items():
        if name == web:
            reading.web(command)
        else:
            reading.worker(name, command)
    reading.release(document.get("deploy", "release_command"))
    document.get("deploy").skip("strategy", "wait_timeout")
    for name, value in document.get("env").entries():
        reading.variable(name, value)
    mounts = document.get("mounts")
    for mount in list(mounts.items()) or [mounts]:
        _mount(reading, mount)
    for static in document.get("statics").items():
        static.skip("guest_path", "url_prefix")
        reading.changed(static, static.get("guest_path").text, "is served as Django's settings say")


def _mount(reading: Reading, mount: Node) -> None:
    mount.skip("source", "initial_size", "processes")
    target = mount.get("destination")
    if path := inside(target.text, _ROOTS):
        reading.mount(path, target)
    elif target:
        reading.lost(target, "is a folder outside of the repository", target.text)
