"""One session in Pyodide: unpacks the suite, and runs pytest with the conductor's plugin once."""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import py_compile
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pullet_host  # type: ignore[import-not-found]  # of JavaScript: `say`, `hear`, `leave`, `pause` and `plan`
import pyodide_js  # type: ignore[import-not-found]
from pyodide.ffi import can_run_sync, run_sync  # type: ignore[import-not-found]

TOP = "/suite"
_SITE = "/pullet/site"
_OWN = "/pullet/own"
_NAME = re.compile(r"[A-Za-z0-9._-]*")
_PIECE = 0.05  # seconds
_COMPILED_LIMIT = 8 << 20  # bytes of sources that one session compiles for those after it


def main() -> None:
    plan = json.loads(pullet_host.plan)
    _unpack("/pullet/unpacked.zip", _SITE)
    _unpack("/pullet/suite.zip", "/")
    paths = [TOP, *plan["python_path"], _OWN]
    sys.path[:0] = paths
    sys.path.append(_SITE)
    os.chdir(TOP)
    importlib.invalidate_caches()
    sys.meta_path.append(_LeftOut())
    _sleep_in_pieces()
    os._exit = _leave
    channel = Channel()
    try:
        import pytest
    except ImportError as err:
        channel.say({"say": "end", "exit": 4, "message": f"pytest cannot be imported: {err}"})
        return
    _compile(channel, plan["compile"])
    _test(pytest, channel, plan)


def _test(pytest: Any, channel: Channel, plan: dict[str, Any]) -> None:
    from pullet_missing import Missing  # type: ignore[import-not-found]
    from pullet_pytest import Conducted  # type: ignore[import-not-found]
    from pullet_waiting import Waiting  # type: ignore[import-not-found]

    conducted = Conducted(channel, plan["limit"], plan["paths"], arm=False, main=plan["page"])
    plugins = [Missing(), Waiting(plan["limit"]), conducted]
    options = ["-p", "no:cacheprovider", "-p", "no:pullet", "--rootdir", TOP, "-o", "console_output_style=classic"]
    options += _without_plugins()
    code = pytest.main([*options, "-o", "required_plugins=", *plan["arguments"]], plugins=plugins)
    channel.say({"say": "end", "exit": int(code), "message": ""})


def _without_plugins() -> list[str]:
    """Options against the plugins that need what is left out: they would end pytest before any test."""
    from importlib.metadata import distributions

    gone = {told.split(" ", 1)[0] for told in _LeftOut().told.values()}
    options = []
    for each in distributions():
        plugins = [point.name for point in each.entry_points if point.group == "pytest11"]
        needs = {_NAME.match(line)[0].lower().replace("_", "-") for line in each.requires or ()}  # type: ignore[index]
        if plugins and gone & needs:
            options += [part for name in plugins for part in ("-p", f"no:{name}")]
    return options


class _LeftOut:
    """Says of a package that has no build for Pyodide why it is not there, once nothing else knows it."""

    def __init__(self) -> None:
        try:
            from pullet_left_out import LEFT_OUT  # type: ignore[import-not-found]
        except ImportError:
            LEFT_OUT = {}
        self.told = LEFT_OUT

    def find_spec(self, name: str, *_: object) -> None:
        if name in self.told:
            raise ModuleNotFoundError(self.told[name], name=name)


class _Left(BaseException):
    """Whatever runs on, nobody listens any more."""


def _leave(status: int) -> NoReturn:
    """The runtime's own leaves those who wait for it waiting."""
    pullet_host.leave(f"os._exit({status}) was called")
    raise _Left


def _sleep_in_pieces() -> None:
    """A sleep of C's, or one in the event loop, would outlive the limit of its test or swallow it."""
    whole = time.sleep

    def sleep(seconds: float, /) -> None:
        if seconds < _PIECE:
            whole(seconds)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            _pause(min(_PIECE, left), whole)
            pyodide_js.checkInterrupt()  # which else happens once in many steps of Python only

    time.sleep = sleep  # type: ignore[assignment]


def _pause(seconds: float, whole: Callable[[float], None]) -> None:
    if can_run_sync():
        run_sync(pullet_host.pause(seconds))
    else:
        whole(seconds)


class Channel:
    """The talk with the conductor, by way of JavaScript."""

    def say(self, word: dict[str, Any]) -> None:
        pullet_host.say(json.dumps(word))

    def hear(self) -> dict[str, Any] | None:
        answer = pullet_host.hear()
        if not isinstance(answer, str | None):  # the page's own thread may not wait, only be switched away from
            answer = run_sync(answer)
        word: dict[str, Any] | None = json.loads(answer) if isinstance(answer, str) else None
        return word


def _unpack(archive: str, folder: str) -> None:
    """Times of files are derived from their content, so that bytecode which was kept is found to be of them."""
    with zipfile.ZipFile(archive) as source:
        for each in source.infolist():
            place = os.path.join(folder, each.filename)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(source.read(each))
            seconds = each.CRC & 0x3FFFFFFF
            os.utime(place, (seconds, seconds))
    os.remove(archive)


def _compile(channel: Channel, names: Iterable[str]) -> None:
    """Tell the bytecode of these files, before any of them is run: what a test could make of it is not kept."""
    made: dict[str, dict[str, str]] = {}
    size = 0
    for name in names:
        path = Path(TOP, name)
        size += path.stat().st_size
        if size > _COMPILED_LIMIT:
            break
        for place, data in _compiled(path):
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(data)
            made.setdefault(name, {})[place.name] = base64.b64encode(data).decode()
    if names:  # always its first word then, so that nobody else can say it in its stead
        channel.say({"say": "bytecode", "files": made})


def _compiled(path: Path) -> Iterator[tuple[Path, bytes]]:
    folder = path.parent / "__pycache__"
    try:
        if is_test(path.name):
            yield _rewritten(path, folder)
        else:
            place = folder / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            py_compile.compile(str(path), "/tmp/compiled", doraise=True)
            yield place, Path("/tmp/compiled").read_bytes()
    except Exception:  # whoever imports it will hear what is wrong with it
        return


def _rewritten(path: Path, folder: Path) -> tuple[Path, bytes]:
    """As pytest compiles what it looks at for `assert`."""
    from _pytest.assertion import rewrite

    status, code = rewrite._rewrite_test(path, None)  # type: ignore[arg-type]
    data = io.BytesIO()
    rewrite._write_pyc_fp(data, status, code)
    return folder / (path.stem + rewrite.PYC_TAIL), data.getvalue()


def is_test(name: str) -> bool:
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")
