"""The tests of `manage.py test`, dealt out by the conductor: `python -m pullet_django path/to/manage.py`.

It talks as `pullet_session` does.

Django's own runner finds them, makes the test databases once and takes them away; the tests themselves run one by one.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
import unittest
from pathlib import Path
from typing import Any

CHANNEL: Any = None
ASKED: dict[str, Any] = {}


def runner() -> type:
    """Made only where Django is set up by its manage.py."""
    from django.test.runner import DiscoverRunner  # type: ignore[import-untyped,import-not-found,unused-ignore] # noqa: PLC0415

    class Runner(DiscoverRunner):  # type: ignore[misc,unused-ignore]
        """`manage.py test --testrunner pullet_django.Runner`."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.parallel = 1  # others do that, each with databases of its own
            self.interactive = False

        def setup_databases(self, **kwargs: Any) -> Any:
            if ASKED["worker"]:
                _of_their_own(ASKED["worker"])
            return super().setup_databases(**kwargs)

        def run_suite(self, suite: Any, **_: Any) -> unittest.TestResult:
            from pullet_unittest import Conducted  # type: ignore[import-not-found]  # noqa: PLC0415 - beside this file

            done: unittest.TestResult = Conducted(CHANNEL, ASKED["limit"], ASKED["paths"]).run(suite)
            return done

    return Runner


def __getattr__(name: str) -> Any:
    if name == "Runner":
        return runner()
    raise AttributeError(name)


def _of_their_own(worker: str) -> None:
    """Databases that no other session uses; those of SQLite are in memory where nobody says otherwise."""
    from django.db import connections  # type: ignore[import-untyped,import-not-found,unused-ignore] # noqa: PLC0415

    for connection in connections.all():
        test = connection.settings_dict["TEST"]
        in_memory = connection.vendor == "sqlite" and not test.get("NAME")
        if not in_memory and not test.get("MIRROR"):
            name = test.get("NAME") or f"test_{connection.settings_dict['NAME']}"
            test["NAME"] = f"{name}_{worker}"


def main() -> int:
    import pullet_django as shared  # type: ignore[import-not-found] # noqa: PLC0415 - this file, as Django will import it
    from pullet_session import Pipes  # type: ignore[import-not-found] # noqa: PLC0415 - beside this file

    shared.CHANNEL = pipes = Pipes()
    asked = pipes.hear()
    if asked is None:
        return 1
    shared.ASKED = asked
    manage = sys.argv[1]
    sys.argv = [manage, "test", "--testrunner", "pullet_django.Runner", "--noinput", *asked["arguments"]]
    sys.path.insert(0, str(Path(manage).resolve().parent))  # as `python manage.py` does
    code, message = 0, ""
    try:
        runpy.run_path(manage, run_name="__main__")
    except SystemExit as err:
        code = err.code if isinstance(err.code, int) else 1 if err.code else 0
        message = f"{manage} ended with {err.code}" if code else ""
    except BaseException:
        code, message = 1, traceback.format_exc()[-8000:]
    pipes.say({"say": "end", "exit": code, "message": message})
    return 0


if __name__ == "__main__":
    os.environ.pop("DJANGO_TEST_PROCESSES", None)
    sys.exit(main())
