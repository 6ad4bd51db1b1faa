"""Who installs Pullet has none of the tools that it is made with."""

import subprocess
import sys

_TOOLS = ("pytest", "_pytest", "hypothesis", "jsonschema", "bandit", "moto", "websockets", "mypy")


def test_what_runs_needs_no_tool_of_development() -> None:
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in _TOOLS)
    modules = "pullet.daemon, pullet.operations.assess, pullet.operations.testing, pullet.cli.test, pullet.cli.tests"
    command = (sys.executable, "-c", f"import sys\n{blocked}import {modules}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
