"""The git side of the local fleet: reading a commit, making one, and showing it in the work tree.

A commit is made by one `git fast-import`, straight from objects: neither the work tree nor the index takes part, so
whatever somebody is editing there is not swept in. git moves the branch only from the commit that ours was built on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, SourceError
from pullet.drivers.process import ProcessRunner

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OUTPUT_LIMIT = 64 << 20  # bytes
_CONFIG = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.fsync=committed,reference")
IDENTITY = "Pullet <pullet@localhost>"


class Moved(Exception):
    """Somebody else committed in the meantime."""


@dataclass(frozen=True)
class Blob:
    id: str
    data: bytes | None
    """None: a link, a folder, or over the limit."""


class FleetRepository:
    """An ordinary repository with a work tree at `path`."""

    def __init__(self, path: Path, runner: ProcessRunner) -> None:
        self.path = path
        self._git_dir = path / ".git"
        self._runner = runner
        self._index = self._git_dir / "pullet-index"

    @property
    def exists(self) -> bool:
        return self._git_dir.exists()

    @property
    def pending(self) -> Path:
        """What is about to be committed and is not yet shown in the work tree."""
        return self._git_dir / "pullet-pending"

    async def create(self, first_file: str, content: bytes) -> None:
        """Make the repository with one commit. The caller renames it into place: it is whole or not there."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(mode=0o700, parents=True)  # URLs with tokens and variables are kept in there
        await self.git("init", "--quiet", "--template=", "--initial-branch=main")
        with (self._git_dir / "config").open("a") as config:
            config.write("[user]\n\tname = Pullet\n\temail = pullet@localhost\n")
        await self.commit(None, first_file, content, author=IDENTITY, message="Begin the fleet")
        self.show(first_file, content)
        await self.git("read-tree", "HEAD")

    async def head(self) -> str:
        """The commit that is checked out. Two small files are read; git is asked only about unusual set-ups.

        Raises SourceError where there is none, and where HEAD is on no branch: in the middle of a rebase, say.
        """
        ref = await self.branch()
        for file in (ref, "packed-refs"):
            with contextlib.suppress(OSError):
                found = _find_ref((self._git_dir / file).read_text("utf-8", "replace"), ref, loose=file == ref)
                if found:
                    return found
        return (await self.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")).decode().strip()

    async def branch(self) -> str:
        """The full ref that HEAD names."""
        with contextlib.suppress(OSError):
            text = (self._git_dir / "HEAD").read_text("utf-8", "replace")
            if _SHA.fullmatch(text.strip()):
                raise SourceError(
                    f"The fleet repository {self.path} is on no branch",
                    hint=f"Finish what is going on there, or: git -C {self.path} switch main",
                )
            if text.startswith("ref: refs/heads/") and not text.startswith("ref: refs/heads/."):
                return text.removeprefix("ref: ").strip()
        return (await self.git("symbolic-ref", "HEAD")).decode().strip()

    async def folder(self, commit: str, folder: str, limit: int) -> Mapping[str, Blob]:
        """Name -> content of what is in the folder at the commit; of what is over `limit` bytes, only the name."""
        listed = await self.git("ls-tree", "-z", "-l", commit, f"{folder}/")
        entries = [_entry(line) for line in listed.split(b"\0") if line]
        wanted = [oid for mode, oid, size, _ in entries if mode.startswith("100") and size <= limit]
        contents = await self._contents(wanted)
        return {
            name: Blob(oid, contents.get(oid) if mode.startswith("100") else None) for mode, oid, _, name in entries
        }

    async def _contents(self, ids: list[str]) -> Mapping[str, bytes]:
        if not ids:
            return {}
        output = await self.git("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in ids).encode())
        contents: dict[str, bytes] = {}
        at = 0
        for _ in ids:
            end = output.index(b"\n", at)
            oid, _kind, size = output[at:end].decode().split(" ")
            contents[oid] = output[end + 1 : end + 1 + int(size)]
            at = end + 1 + int(size) + 1
        return contents

    async def commit(self, parent: str | None, path: str, content: bytes | None, *, author: str, message: str) -> str:
        """Commit that one change on top of `parent`; return the commit id. Raises Moved, SourceError."""
        body = [
            f"commit {await self.branch()}\nmark :1\nauthor {author} now\ncommitter {IDENTITY} now\n".encode(),
            _data(message.encode("utf-8", "replace")),
            f"from {parent}\n".encode() if parent else b"",
            f"D {path}\n".encode() if content is None else f"M 100644 inline {path}\n".encode() + _data(content),
            b"get-mark :1\ndone\n",
        ]
        try:
            output = await self.git("fast-import", "--quiet", "--done", "--date-format=now", stdin=b"".join(body))
        except SourceError:
            if parent is not None and await self.head() != parent:
                raise Moved from None
            raise
        return output.decode().strip()

    def worktree(self, path: str) -> bytes | None:
        """The file as it lies in the work tree; None where there is none."""
        file = self.path / path
        try:
            return file.readlink().as_posix().encode() if file.is_symlink() else file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise SourceError(f"{file} cannot be read", context=str(err)) from err

    def show(self, path: str, content: bytes | None) -> None:
        """Bring the file in the work tree to `content`, whole or not at all."""
        file = self.path / path
        if content is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._git_dir / "pullet-file"
        temporary.write_bytes(content)
        temporary.replace(file)

    async def index(self, path: str, content: bytes | None, commit: str) -> bool:
        """Bring the index entry of the file to `content`; False while another git holds the index.

        The new index is made in a file of our own, which then takes git's own lock as a second name. So a lock that
        was left by a kill is recognised as ours, and never another's is taken away.
        """
        real, lock = self._git_dir / "index", self._git_dir / "index.lock"
        if lock.exists() and self._index.exists() and lock.samefile(self._index):
            lock.unlink()
        for leftover in (self._index, self._git_dir / "pullet-index.lock"):
            leftover.unlink(missing_ok=True)
        before = _identity(real)
        if before is not None:
            shutil.copyfile(real, self._index)
        else:
            await self.git("read-tree", commit, index=self._index)
        change = (
            ("--force-remove", path) if content is None else ("--cacheinfo", f"100644,{_blob(content, commit)},{path}")
        )
        await self.git("update-index", "--add", *change, index=self._index)
        return _swap(self._index, lock, real, before)

    async def git(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> bytes:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_DIR": str(self._git_dir),
            "GIT_WORK_TREE": str(self.path),
        }
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        settings = (*_CONFIG, f"safe.directory={self.path}")
        options = [part for setting in settings for part in ("-c", setting)]
        command = Command(
            ("git", *options, *arguments),
            cwd=self.path,
            environment=environment,
            stdin=stdin,
            output_limit=_OUTPUT_LIMIT,
        )
        try:
            return (await self._runner.run(command)).stdout
        except CommandFailed as err:
            raise SourceError(
                f"git {arguments[0]} failed in the fleet repository {self.path}",
                context=err.output,
                hint=f"See what `git -C {self.path} status` says. What runs stays as it is.",
            ) from err


def _find_ref(text: str, ref: str, *, loose: bool) -> str:
    if loose:
        return text.strip() if _SHA.fullmatch(text.strip()) else ""
    for line in text.splitlines():
        sha, _, name = line.partition(" ")
        if name == ref and _SHA.fullmatch(sha):
            return sha
    return ""


def _entry(line: bytes) -> tuple[str, str, int, str]:
    """(mode, object id, size in bytes, name within the folder)"""
    fields, _, path = line.partition(b"\t")
    mode, _kind, oid, size = fields.decode().split()
    return mode, oid, int(size) if size.isdigit() else 0, path.rpartition(b"/")[2].decode("utf-8", "backslashreplace")


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _blob(content: bytes, commit: str) -> str:
    """The id that git gives to the content, in the format (SHA-1 or SHA-256) that `commit` is written in."""
    algorithm = "sha1" if len(commit) == 40 else "sha256"
    return hashlib.new(algorithm, b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def _identity(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _swap(ours: Path, lock: Path, real: Path, before: tuple[int, int, int] | None) -> bool:
    try:
        lock.hardlink_to(ours)
    except FileExistsError:
        return False
    if _identity(real) != before:  # changed since we copied it: start again
        lock.unlink()
        return False
    lock.replace(real)
    ours.unlink(missing_ok=True)
    return True
