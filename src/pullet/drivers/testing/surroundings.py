"""What stands around whatever runs tests: variables, folders, limits."""

from __future__ import annotations

from pathlib import Path

from pullet.domain.command import Command
from pullet.drivers.confinement import Confinement
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.testing import inside
from pullet.ports import Suite

_PATH = "/usr/local/bin:/usr/bin:/bin"


def command_of(suite: Suite, argv: tuple[str, ...], home: Path) -> Command:
    """`home`: a folder that it may write. The suite has an interpreter."""
    assert suite.python is not None
    environment = {
        **suite.variables,
        "PATH": f"{suite.python.parent}:{_PATH}",
        "PYTHONPATH": ":".join((*suite.python_path, inside.FOLDER)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "LANG": "C.UTF-8",
    }
    return Command(argv, cwd=suite.top, environment=environment, secrets=suite.secrets)


def confinement_of(suite: Suite, home: Path) -> Confinement:
    assert suite.python is not None
    return Confinement(
        suite.app,
        writable=(str(suite.top), str(home), *suite.folders),
        readable=(*interpreter_roots(suite.python), *suite.python_path, inside.FOLDER),
        network=suite.network,
        memory=suite.memory,
    )
