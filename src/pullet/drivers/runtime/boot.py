"""Starts a Python server in an app's environment, cold or as a warm spare. Standard library only, Python 3.8 on.

    boot.py run RECORD SERVER ARGUMENT…       become the server now
    boot.py spare RECORD PRELOAD WAKE READY   import what the file PRELOAD lists, then wait for orders on the FIFO WAKE

A spare is a fresh interpreter that has imported other people's modules only: no fork, so nothing shared to go wrong;
what is left to import is the app itself. Orders are JSON: argv, cwd, environment, path (folders for sys.path).

The running server writes the third-party modules that it uses to RECORD, for the next spare.
"""

# ruff: noqa: PTH105, PTH108, PTH109, PTH118, PTH119, PTH120, PTH123
# pathlib would be imported before the app for nothing

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import threading
import time

LOOKS = (0.3, 0.7, 2.0, 7.0)  # seconds between two looks at what has been imported: some come with the first request
FORKING = ("gunicorn",)  # their workers import the app, and the master must not fork with a thread running


def third_party() -> list[str]:
    """Names of imported modules that live in site-packages, in the order in which they were imported."""
    found = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if "/site-packages/" in path and not name.startswith("__"):
            found.append(name)
    return found


def keep_record(path: str) -> None:
    known: list[str] = []
    for pause in LOOKS:
        time.sleep(pause)
        names = third_party()
        if names != known:
            known = names
            try:
                new = f"{path}.{os.getpid()}"
                with open(new, "w") as file:
                    file.write("\n".join(names))
                os.replace(new, path)
            except OSError:
                return


def start_recording(path: str, server: str) -> None:
    process = os.getpid()

    def begin() -> None:
        if server in FORKING and os.getppid() != process:
            return  # a child of a worker: not the server
        threading.Thread(target=keep_record, args=(path,), name="pullet-record", daemon=True).start()

    if server in FORKING:
        os.register_at_fork(after_in_child=begin)
    else:
        begin()


def import_in_advance(path: str) -> None:
    """What cannot be imported without the app (a model before its registry) is left for later."""
    with open(path) as file:
        names = file.read().split()
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, MemoryError)):
                raise


def is_script(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def become(argv: list[str]) -> None:
    """Run the server's own entry point in this interpreter, as its console script would."""
    folder = os.path.dirname(sys.executable)
    script = os.path.join(folder, os.path.basename(argv[0]))
    if is_script(script):
        sys.argv = [script, *argv[1:]]
        sys.path.insert(0, folder)
        runpy.run_path(script, run_name="__main__")
    else:
        sys.argv = list(argv)
        sys.path.insert(0, os.getcwd())
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def forget_the_app() -> None:
    """Some modules import the app by themselves, such as those that ask for Django's settings. From here on they find
    none: it would be the release that is live now, whose code would be served instead of the next one's."""
    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [folder for folder in sys.path if folder not in own]
    os.chdir("/")


def wait_for_orders(preload: str, wake: str, ready: str) -> list[str]:
    forget_the_app()
    import_in_advance(preload)
    with open(ready, "w"):
        pass
    with open(wake) as fifo:
        orders = json.load(fifo)
    os.unlink(wake)
    os.environ.clear()
    os.environ.update(orders["environment"])
    os.chdir(orders["cwd"])
    sys.path[0:0] = orders["path"]
    importlib.invalidate_caches()
    return list(orders["argv"])


def main(mode: str, record: str, *rest: str) -> None:
    del sys.path[0]  # this file's folder is none of the app's business
    argv = wait_for_orders(*rest) if mode == "spare" else list(rest)
    start_recording(record, os.path.basename(argv[0]))
    become(argv)


if __name__ == "__main__":
    main(*sys.argv[1:])
