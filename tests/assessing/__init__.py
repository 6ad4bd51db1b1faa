"""What tests of the security engines share: subjects, and a bench on which the real programs run confined."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from pullet.domain.home import Home
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.security.workbench import Limits, Workbench
from pullet.ports.assessing import Subject


async def workbench(home: Path, limits: Limits | None = None) -> Workbench:
    home.mkdir(parents=True, exist_ok=True)
    runner = ProcessRunner()
    return Workbench(runner, await detect_sandbox(Home(home), runner), home / "scratch", limits)


def subject_of(folder: Path, files: Mapping[str, str | bytes], **more: object) -> Subject:
    """A subject of these files, written to the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    given: dict[str, object] = {"app": "shop", "tree": folder, "files": tuple(sorted(files)), **more}
    return Subject(**given)  # type: ignore[arg-type]


def unheard(line: str, /) -> None:
    """A log nobody reads."""


def committed(folder: Path, message: str = "a commit", author: str = "Ada <ada@example.org>") -> str:
    """Commit everything in the folder; returns the full id. The folder becomes a repository where it was none."""
    git = ("git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    if not (folder / ".git").exists():
        subprocess.run(("git", "init", "-q", "-b", "main", str(folder)), check=True)
    subprocess.run((*git, "add", "-A"), check=True)
    subprocess.run((*git, "commit", "-q", "--allow-empty", "--author", author, "-m", message), check=True)
    done = subprocess.run((*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True)
    return done.stdout.strip()
