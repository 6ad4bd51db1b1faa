"""One session in CPython: `python -m pullet_session`, asked on standard input, answering on standard output.

The first line is {"arguments": […], "paths": […], "limit": seconds, "worker": "gw0"}; then the talk begins.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO


class Pipes:
    """The talk on descriptors that tests do not meet: theirs are /dev/null and standard error."""

    def __init__(self) -> None:
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb", buffering=0)
        self._out = os.dup(1)
        self._owner = os.getpid()
        self._rest = b""
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def say(self, word: dict[str, Any]) -> None:
        if os.getpid() != self._owner:
            os._exit(1)  # a fork of a test that came back from it: it is no session
        data = json.dumps(word).encode() + b"\n"
        while data:
            data = data[os.write(self._out, data) :]

    def hear(self) -> dict[str, Any] | None:
        while b"\n" not in self._rest:
            chunk = self._in.read(1 << 16)
            if not chunk:
                return None
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        word: dict[str, Any] = json.loads(line)
        return word


def main() -> int:
    pipes = Pipes()
    asked = pipes.hear()
    if asked is None:
        return 1
    try:
        import pytest  # noqa: PLC0415 - after the descriptors: a broken installation shall be told
        from pullet_pytest import Conducted  # type: ignore[import-not-found]  # noqa: PLC0415 - beside this file
    except ImportError as err:
        pipes.say({"say": "end", "exit": 4, "message": f"pytest cannot be imported: {err}"})
        return 4
    sys.path.insert(0, str(Path.cwd()))  # as `python -m pytest` does
    pages = []
    if "PULLET_BROWSER" in os.environ:
        from pullet_pages import Pages  # type: ignore[import-not-found]  # noqa: PLC0415 - only where pages are tested

        pages.append(Pages())
    plugin = Conducted(pipes, asked["limit"], asked["paths"])
    code = int(pytest.main([*_own_options(), *asked["arguments"]], plugins=[plugin, _Worker(asked["worker"]), *pages]))
    pipes.say({"say": "end", "exit": code, "message": ""})
    return 0


class _Worker:
    """What plugins that keep workers apart look at: databases get names of their own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def pytest_configure(self, config: Any) -> None:
        if self._name:
            config.workerinput = {"workerid": self._name, "workercount": 1, "testrunuid": "pullet", "mainargv": []}


def _own_options() -> list[str]:
    """The conductor deals tests out itself, and keeps what is known of them."""
    options = ["-p", "no:cacheprovider", "-p", "no:pullet", "--rootdir", str(Path.cwd())]
    options += ["-o", "console_output_style=classic"]
    if importlib.util.find_spec("xdist"):
        options += ["-p", "no:xdist.looponfail", "-n", "0"]
    return options


if __name__ == "__main__":
    sys.exit(main())
