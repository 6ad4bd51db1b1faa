"""Projects as their authors publish them, with tests, documentation and examples: source distributions by pip."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uv import find_uv_bin


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder that confined programs reach: as root they run as another user. Gone afterwards."""
    top = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    top.chmod(0o711)
    try:
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)


def unpacked(name: str, folder: Path) -> Path:
    """Of `flask==3.1.2`: the folder of its files, below `folder`."""
    project = name.partition("==")[0]
    archives = folder / "archives" / project
    pip = (find_uv_bin(), "tool", "run", "-q", "pip", "download", "-q", "--no-deps", "--no-binary", project)
    subprocess.run((*pip, "-d", str(archives), name), check=True, capture_output=True)
    [archive] = archives.iterdir()
    with tarfile.open(archive) as files:
        files.extractall(folder / project, filter="data")
    [top] = (folder / project).iterdir()
    return top


def lines_of(tree: Path) -> int:
    """Of Python."""
    return sum(path.read_bytes().count(b"\n") for path in tree.rglob("*.py") if path.is_file())
