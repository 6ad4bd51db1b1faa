"""Makes archives of bytecode, inside Pyodide: only the interpreter that will read it can write it.

Nothing that is compiled is run.
"""

from __future__ import annotations

import contextlib
import os
import py_compile
import zipfile

_CODE = (".py", ".pyi", ".typed")
_UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH


def library(archive: str, target: str) -> None:
    """The standard library `archive` as bytecode, in the archive `target`."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as made:
        for name in source.namelist():
            if name.endswith(".py"):
                compiled = _compiled(source.read(name), f"/lib/python314.zip/{name}")
                made.writestr(f"{name}c", compiled) if compiled else made.writestr(name, source.read(name))
            elif not name.endswith("/"):
                made.writestr(name, source.read(name))


def packages(folder: str, zipped: str, unpacked: str) -> None:
    """What is installed in `folder` as two archives: what can be imported from one, and what has to be unpacked since
    it looks for files beside itself or has machine code."""
    with zipfile.ZipFile(zipped, "w") as first, zipfile.ZipFile(unpacked, "w") as second:
        for top, files in _tops(folder).items():
            apart = any(not name.endswith(_CODE) for name in files) and not top.endswith(".dist-info")
            for name in files:
                _put(second if apart else first, os.path.join(folder, name), name, apart=apart)


def _tops(folder: str) -> dict[str, list[str]]:
    """The files of each module, package and description in the folder."""
    found: dict[str, list[str]] = {}
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        for name in sorted(names):
            path = os.path.relpath(os.path.join(above, name), folder)
            top = path.split(os.sep)[0]
            if top != "bin" and not name.startswith(".lock"):
                found.setdefault(top, []).append(path)
    return found


def _put(archive: zipfile.ZipFile, path: str, name: str, *, apart: bool) -> None:
    with open(path, "rb") as file:
        data = file.read()
    archive.writestr(name, data)
    if not name.endswith(".py"):
        return
    place = f"/pullet/site/{name}" if apart else f"/pullet/packages.zip/{name}"
    if compiled := _compiled(data, place):
        above, base = os.path.split(name)
        cached = os.path.join(above, "__pycache__", f"{base[:-3]}.cpython-314.pyc") if apart else f"{name}c"
        archive.writestr(cached, compiled)


def _compiled(source: bytes, place: str) -> bytes | None:
    """None: it cannot be compiled, and whoever imports it will hear why."""
    with open("/tmp/source.py", "wb") as file:
        file.write(source)
    with contextlib.suppress(py_compile.PyCompileError, ValueError, RecursionError, MemoryError):
        py_compile.compile("/tmp/source.py", "/tmp/compiled", place, doraise=True, invalidation_mode=_UNCHECKED)
        with open("/tmp/compiled", "rb") as file:
            return file.read()
    return None
