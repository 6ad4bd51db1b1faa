"""Tiny packages made on the spot: a folder that uv takes for an index, so that no test needs the network."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

_WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _metadata(name: str, version: str, requires: tuple[str, ...]) -> str:
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {one}" for one in requires)]) + "\n"


def wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: tuple[str, ...] = (),
    script: bool = False,
    more: Mapping[str, str] | None = None,
) -> Path:
    """A wheel with one module that knows its version and, on request, a console script of the same name."""
    files = {
        f"{name}/__init__.py": f'VERSION = "{version}"\n\n\ndef main() -> None:\n    print("{name}", VERSION)\n',
        f"{name}-{version}.dist-info/METADATA": _metadata(name, version, requires),
        f"{name}-{version}.dist-info/WHEEL": _WHEEL,
        **(more or {}),
    }
    if script:
        files[f"{name}-{version}.dist-info/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:main\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    _zip(path, files, f"{name}-{version}.dist-info/RECORD")
    return path


def _zip(path: Path, files: Mapping[str, str], record: str) -> None:
    rows = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={hashed},{len(text.encode())}")
        archive.writestr(zipfile.ZipInfo(record, (2020, 1, 1, 0, 0, 0)), "\n".join([*rows, f"{record},,"]) + "\n")


BACKEND = '''
"""A build backend in one file: it runs as foreign code does, and says so."""
import base64, hashlib, os, pathlib, zipfile

def _files():
    return {
        "NAME/__init__.py": 'VERSION = "1.0"\\n',
        "NAME-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0\\n",
        "NAME-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }

def build_wheel(directory, config_settings=None, metadata_directory=None):
    PROLOGUE
    name = "NAME-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        rows = []
        for path, text in _files().items():
            archive.writestr(path, text)
            rows.append(path + ",,")
        archive.writestr("NAME-1.0.dist-info/RECORD", "\\n".join(rows + ["NAME-1.0.dist-info/RECORD,,"]) + "\\n")
    return name
'''


def source_package(folder: Path, name: str, *, prologue: str = "pass") -> Path:
    """A source distribution, version 1.0, without dependencies: `prologue` is a statement that its build runs."""
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n',
        "PKG-INFO": _metadata(name, "1.0", ()),
        "backend.py": BACKEND.replace("NAME", name).replace("PROLOGUE", prologue),
    }
    path = folder / f"{name}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for inner, text in files.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{inner}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def hash_of(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
