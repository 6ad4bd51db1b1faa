"""A folder on somebody's own machine as a subject: what git would commit of it, at which commit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pullet.domain.errors import AssessmentFailed, UsageError
from pullet.drivers.security.git import SAFE, git
from pullet.drivers.security.subjects import every_file, sort_out
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject

_WORKTREE = re.compile(r"^\s*worktree\s*=\s*(\S.*?)\s*$", re.MULTILINE)
_SMALL = 64 << 10  # bytes
_TRUNKS = ("refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master")


class FolderSubjects:
    """Asks git in the sandbox: a repository's own configuration can name programs to run."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    async def describe(self, folder: Path, app: str) -> Subject:
        """The folder as it lies there. Raises UsageError where there is none, AssessmentFailed."""
        if not await asyncio.to_thread(folder.is_dir):
            raise UsageError(f"There is no folder {folder}", hint="Name a repository's folder, or an app of this box.")
        subject = Subject(app, folder)
        repository = await asyncio.to_thread(_repository, folder)
        if repository is None:
            files, missed = await asyncio.to_thread(lambda: sort_out(folder, every_file(folder)))
            return replace(subject, files=files, missed=missed)
        subject = replace(subject, repository=repository)
        names = await self._git(subject, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        listed = {name.decode("utf-8", "surrogateescape") for name in names.split(b"\0") if name}
        files, missed = await asyncio.to_thread(sort_out, folder, sorted(listed))
        revision = await self.commit(subject, "HEAD")
        return replace(subject, files=files, missed=missed, revision=revision or "")

    async def commit(self, subject: Subject, name: str) -> str | None:
        """Full id of what a name leads to; None where it leads nowhere."""
        if name.startswith("-"):
            return None
        found = await self._git(subject, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=(0, 1, 128))
        return found.decode("ascii", "replace").strip() or None

    async def python(self, subject: Subject, active: str = "") -> Path | None:
        """The interpreter of the folder's own environment: the active one where it lies within, else `.venv` or `venv`
        of the app's root or of the top.

        One that is committed is the repository's word and no environment that somebody made here: its links could show
        any folder of the machine to the code that is assessed. Raises AssessmentFailed.
        """
        within = [str(Path(active).relative_to(subject.tree))] if _is_within(Path(active), subject.tree) else []
        roots = dict.fromkeys((subject.spec.root if subject.spec else ".", "."))
        for name in (*within, *(str(Path(root, each)) for root in roots for each in (".venv", "venv"))):
            python = subject.tree / name / "bin" / "python"
            if await asyncio.to_thread(python.exists) and not await self._tracks(subject, name):
                return python
        return None

    async def _tracks(self, subject: Subject, name: str) -> bool:
        return subject.repository is not None and bool(await self._git(subject, "ls-files", "-z", "--", name))

    async def changed(self, subject: Subject) -> tuple[str, ...]:
        """Paths that differ from the last commit: changed, new, gone. Raises AssessmentFailed without a repository."""
        differ = await self._git(subject, "diff", "--name-only", "-z", "--no-renames", "HEAD")
        new = await self._git(subject, "ls-files", "-z", "--others", "--exclude-standard")
        names = {name.decode("utf-8", "surrogateescape") for name in (differ + new).split(b"\0") if name}
        return tuple(sorted(names))

    async def trunk(self, subject: Subject) -> str | None:
        """The commit of the branch that everything is merged into: waivers count once they are there."""
        told = await self._git(subject, "for-each-ref", "--format=%(refname) %(objectname)", *_TRUNKS)
        found = dict(line.split(" ", 1) for line in told.decode("ascii", "replace").splitlines() if " " in line)
        return next((found[name] for name in _TRUNKS if name in found), subject.revision or None)

    async def read(self, subject: Subject, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as a commit has them, without those that it does not have. Raises AssessmentFailed."""
        names = "".join(f"{commit}:{path}\n" for path in paths)
        told = await self._git(subject, "cat-file", "--batch", stdin=names.encode())
        try:
            return dict(_blobs(told, paths))
        except ValueError as err:
            raise AssessmentFailed(f"git cannot read {', '.join(paths)} of {commit}", context=str(err)) from err

    async def _git(self, subject: Subject, *arguments: str, ok: Sequence[int] = (0,), stdin: bytes = b"") -> bytes:
        readable = (subject.repository,) if subject.repository else ()
        errand = Errand(git(None, *arguments), readable, environment=SAFE, stdin=stdin, ok=frozenset(ok))
        try:
            return (await self._workbench.run(subject, errand)).stdout
        except AssessmentFailed as err:
            raise AssessmentFailed(f"git cannot read {subject.tree}", context=err.context or err.message) from err


def _is_within(path: Path, folder: Path) -> bool:
    return path.is_absolute() and path != folder and path.is_relative_to(folder)


def _blobs(told: bytes, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """What `git cat-file --batch` says, path by path. Raises ValueError for anything else."""
    for path in paths:
        header, _, told = told.partition(b"\n")
        if header.endswith(b" missing"):
            continue
        _, kind, size = header.split(b" ")
        if kind == b"blob":
            yield path, told[: int(size)]
        told = told[int(size) + 1 :]


def _repository(folder: Path) -> Path | None:
    """The folder that holds the history: `.git`, or, of a worktree or a submodule, where the file `.git` leads; None
    where there is none. Blocking.

    Anybody can write a file, or make a link, that names somebody else's repository: so that one has to know of the
    folder as well, and what the file names has to lie in it. Raises UsageError where it does not.
    """
    link = folder / ".git"
    if link.is_symlink():
        raise UsageError(f"{link} is a link", hint="Name the folder in which the repository itself is.")
    if not link.is_file():
        return _whole(link, folder) if link.is_dir() else None
    there = (folder / _line(link).removeprefix("gitdir:").strip()).resolve()
    if (there / "commondir").is_file():
        return _whole(_common(there, link), folder)
    if _worktree(there) == folder:
        return there
    raise _foreign(link, there)


def _common(there: Path, link: Path) -> Path:
    """The repository of the worktree that `there` tells of, which git keeps within that repository."""
    common = there.parent.parent
    leads_back = (there / _line(there / "gitdir")).resolve() == link
    if there.parent.name != "worktrees" or (there / _line(there / "commondir")).resolve() != common or not leads_back:
        raise _foreign(link, there)
    return common


def _whole(repository: Path, folder: Path) -> Path:
    """One that git would not read further from elsewhere."""
    if (repository / "commondir").exists():
        raise _foreign(repository, (repository / _line(repository / "commondir")).resolve(), folder)
    return repository


def _foreign(link: Path, there: Path, folder: Path | None = None) -> UsageError:
    hint = "Name the folder that `git worktree list` shows, or run `git worktree repair` in the repository."
    return UsageError(f"{link} leads to {there}, which knows nothing of {folder or link.parent}", hint=hint)


def _worktree(there: Path) -> Path | None:
    found = _WORKTREE.search(_text(there / "config"))
    return (there / found[1]).resolve() if found else None


def _line(path: Path) -> str:
    return _text(path).split("\n", maxsplit=1)[0].strip()


def _text(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return file.read(_SMALL).decode("utf-8", "surrogateescape")
    return ""
