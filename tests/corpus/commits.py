"""A trap as a repository: one commit written by git's own importer, so that no work tree has to hold it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.corpus.trap import Entry, Link, Submodule, Trap

_SILENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def commit(trap: Trap, folder: Path) -> None:
    """Make `folder` a bare repository whose branch `main` has the trap's files."""
    _git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    _git("-C", str(folder), "fast-import", "--quiet", stdin=b"".join(_stream(trap)))


def _stream(trap: Trap) -> Iterator[bytes]:
    yield b"commit refs/heads/main\n"
    yield f"committer Ada <a@b> {_seconds(trap.committed)} +0000\n".encode()
    yield _data(trap.lesson.encode())
    for path, entry in trap.files.items():
        yield from _file(path, entry)


def _file(path: str, entry: Entry) -> Iterator[bytes]:
    quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(entry, Submodule):
        yield f"M 160000 {entry.commit} {quoted}\n".encode()
        return
    content = entry.target if isinstance(entry, Link) else entry
    mode = "120000" if isinstance(entry, Link) else "100755" if path.endswith(".sh") else "100644"
    yield f"M {mode} inline {quoted}\n".encode()
    yield _data(content if isinstance(content, bytes) else content.encode())


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _seconds(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() if date else time.time())


def _git(*arguments: str, stdin: bytes = b"") -> None:
    environment = {**os.environ, **_SILENT}
    subprocess.run(("git", *arguments), env=environment, input=stdin, check=True, capture_output=True, timeout=60)
