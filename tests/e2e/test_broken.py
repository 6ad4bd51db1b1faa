"""A broken commit: the old release serves on, the command says why, and the next good commit deploys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.pullet import Pullet, until
from tests.e2e.repositories import Repository, wsgi

pytestmark = pytest.mark.e2e

_UNHEALTHY = """
def app(environ, start_response):
    start_response("500 Oh no", [])
    return [b"oh no"]
"""
_HEALTH = '[processes.web]\nhealth = { path = "/", grace = "2s" }\n'


def _web(command: str) -> str:
    return f"[processes.web]\ncommand = '{command}'\nhealth = {{ grace = \"2s\" }}\n"


BROKEN = {
    "exits at once": ({"app.py": wsgi("v2", "raise SystemExit('no licence key')")}, "start-failed", "no licence key"),
    "syntax error": ({"app.py": wsgi("v2", "def (:")}, "no-app-found", "app.py"),
    "import missing": ({"app.py": wsgi("v2", "import nowhere_to_be_found")}, "start-failed", "nowhere_to_be_found"),
    "dependency does not resolve": ({"requirements.txt": "granian==99\n"}, "build-failed", "granian==99"),
    "build command fails": (
        {"pullet.toml": "[build]\ncommands = ['python -c \"raise SystemExit(7)\"']"},
        "build-failed",
        "7",
    ),
    "release command fails": (
        {"pullet.toml": "[release]\ncommands = ['python -c \"1/0\"']"},
        "release-command-failed",
        "ZeroDivisionError",
    ),
    "500 on its health path": ({"app.py": _UNHEALTHY, "pullet.toml": _HEALTH}, "probe-failed", "GET / answered 500"),
    "never listens": ({"pullet.toml": _web('python -c "import time; time.sleep(99)"')}, "probe-failed", "within 2 s"),
    "unknown key": (
        {"pullet.toml": "[app]\nname = 'shop'\n\n[release]\ncomands = ['true']\n"},
        "config-invalid",
        "commands",
    ),
    "no TOML": ({"pullet.toml": "[release\n"}, "config-invalid", "pullet.toml:1"),
}


@pytest.mark.parametrize(("files", "code", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_commit_changes_nothing(
    pullet: Pullet,
    new_repository: Callable[[Pullet], Repository],
    files: dict[str, str],
    code: str,
    words: str,
) -> None:
    repository = new_repository(pullet)
    name = repository.name
    pullet.up(repository)
    with pullet.watching(name) as watching:
        repository.commit(files)
        result = pullet.run("sync", name)
    print(result.text)
    assert result.code == 1
    assert f"[{code}]" in result.text
    assert words in result.text
    assert "(release 1) goes on serving" in result.text
    assert watching.bodies == {"v1"}
    deployed = pullet.conditions(name)["Deployed"]
    assert (deployed["status"], deployed["reason"]) == (False, "DeploymentFailed")
    assert pullet.deployments(name)[0]["error_code"] == code
    until(lambda: pullet.instances(name) == ["1/web.0"], 20, lambda: str(pullet.instances(name)))

    repository.commit({"app.py": wsgi("v3")}, *(file for file in files if file != "app.py"))
    pullet.wait_for(name, "v3")
    assert pullet.do("down", name)
