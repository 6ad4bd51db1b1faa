"""Compiling an environment to bytecode, once, so that no start of an app has to.

uv can do this itself, but it runs the environment's own interpreter, which executes what an installed package put in a
`.pth` file: a wheel would run code as Pullet. Here the base interpreter does it, isolated and without `site`: compiling
executes nothing.

An app's own tree is not compiled: starting a compiler costs more than it saves for all but large trees, and the first
process of a release writes the bytecode beside its modules anyway (bench/build.py measures both).
"""

from __future__ import annotations

from pathlib import Path

from pullet.domain.command import Command
from pullet.drivers.build.interpreters import Interpreter
from pullet.drivers.build.settings import SYSTEM_PATH


def compile_folder(interpreter: Interpreter, folder: Path) -> Command:
    """Compile every module under `folder`; exit code 1 says that some are not valid for this Python, which is common.

    The bytecode is marked as not to be checked: nothing in an environment ever changes, while a checked time stamp
    would have everything compiled anew, at every start, after a copy or a touch of the shared files.
    """
    return Command(
        (
            interpreter.path,
            "-I",
            "-S",
            "-m",
            "compileall",
            "-q",
            "-j",
            "0",
            "--invalidation-mode",
            "unchecked-hash",
            str(folder),
        ),
        environment={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"},
        ok=frozenset({0, 1}),
    )
