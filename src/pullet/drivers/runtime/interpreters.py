"""What has to be visible for a Python environment to work inside a sandbox."""

from __future__ import annotations

from pathlib import Path

_SYSTEM = ("/usr/", "/bin/", "/lib/", "/lib64/", "/opt/")
_LONGEST_CHAIN = 16


def interpreter_roots(python: Path) -> tuple[str, ...]:
    """Folders to bind readable: the environment, and the installation of every interpreter that its links lead through.

    Interpreters live anywhere (a version manager's folder in somebody's home), and a venv is only links into one.
    """
    roots: list[str] = []
    hop = python
    for _ in range(_LONGEST_CHAIN):
        root = str(hop.parent.parent)
        if not f"{root}/".startswith(_SYSTEM) and root not in ("/", *roots):
            roots.append(root)
        if not hop.is_symlink():
            break
        hop = hop.parent / hop.readlink()
    base = str(python.resolve().parent.parent)
    if not f"{base}/".startswith(_SYSTEM) and base not in roots:
        roots.append(base)
    return tuple(roots)
