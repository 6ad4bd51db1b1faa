"""Repositories of tiny apps, and commits to them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_IDENTITY = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{
        f"GIT_{who}_{what}": text
        for who in ("AUTHOR", "COMMITTER")
        for what, text in (("NAME", "Ada"), ("EMAIL", "a@b"))
    },
}


class Repository:
    """An ordinary repository with a work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", str(path))

    @property
    def name(self) -> str:
        return self.path.name

    def push(self, *gone: str, **files: str) -> str:
        """Commit these files (`app_py="…"` is app.py) without those; returns the commit."""
        return self.commit({name.replace("_", "."): text for name, text in files.items()}, *gone)

    def commit(self, files: dict[str, str], *gone: str) -> str:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in gone:
            (self.path / name).unlink()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            ("git", *arguments),
            cwd=self.path,
            env={**os.environ, **_IDENTITY},
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout.strip()


def wsgi(version: str, prologue: str = "") -> str:
    """app.py of an app without dependencies that answers every request with its version."""
    return f"""{prologue}
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{version}"]
"""
