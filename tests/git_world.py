"""Real repositories for tests: made with plumbing where a file system or `git add` would not allow the name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


class Repository:
    """A repository whose commits are made from (mode, path) -> contents, without a work tree."""

    def __init__(self, path: Path, *, bare: bool = True, options: tuple[str, ...] = ()) -> None:
        self.path = path
        path.mkdir(parents=True)
        run("init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []), *options, str(path))
        self.git_dir = path if bare else path / ".git"

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return run(f"--git-dir={self.git_dir}", *arguments, stdin=stdin)

    def blob(self, data: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=data)

    def tree(self, entries: dict[str, str]) -> str:
        """Name -> `mode type oid`, written as they are, however odd."""
        lines = b"".join(f"{facts}\t".encode() + os.fsencode(name) + b"\0" for name, facts in entries.items())
        return self.git("mktree", "-z", "--missing", stdin=lines)

    def commit_tree(self, tree: str, branch: str = "main", message: str = "change") -> str:
        sha = self.git("commit-tree", "-m", message, tree)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def commit(
        self,
        files: dict[str, bytes | str],
        branch: str = "main",
        *,
        links: dict[str, str] | None = None,
        message: str = "change",
    ) -> str:
        """A commit without parents that has exactly these files."""
        flat = {path: f"100644 blob {self.blob(_bytes(data))}" for path, data in files.items()}
        flat |= {path: f"120000 blob {self.blob(os.fsencode(target))}" for path, target in (links or {}).items()}
        return self.commit_tree(self.nested(flat), branch)

    def nested(self, flat: dict[str, str]) -> str:
        folders: dict[str, dict[str, str]] = {}
        here = {}
        for path, facts in flat.items():
            head, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(head, {})[rest] = facts
            else:
                here[head] = facts
        for name, inside in folders.items():
            here[name] = f"040000 tree {self.nested(inside)}"
        return self.tree(here)

    def tag(self, name: str, sha: str, *, annotated: bool = False) -> None:
        self.git("tag", *(["-a", "-m", name] if annotated else []), "--", name, sha)


def run(*arguments: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ("git", *arguments), input=stdin, env=_ENVIRONMENT, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
