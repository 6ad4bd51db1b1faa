"""A folder on somebody's own machine as a subject: what git would commit of it, at which commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pullet.domain.errors import AssessmentFailed, UsageError
from pullet.drivers.security.git import SAFE, git
from pullet.drivers.security.subjects import every_file, sort_out
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject

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
        if not await asyncio.to_thread((folder / ".git").exists):
            files, missed = await asyncio.to_thread(lambda: sort_out(folder, every_file(folder)))
            return replace(subject, files=files, missed=missed)
        names = await self._git(subject, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        listed = {name.decode("utf-8", "surrogateescape") for name in names.split(b"\0") if name}
        files, missed = await asyncio.to_thread(sort_out, folder, sorted(listed))
        revision = await self.commit(subject, "HEAD")
        return replace(subject, files=files, missed=missed, repository=folder / ".git", revision=revision or "")

    async def commit(self, subject: Subject, name: str) -> str | None:
        """Full id of what a name leads to; None where it leads nowhere."""
        if name.startswith("-"):
            return None
        found = await self._git(subject, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=(0, 1, 128))
        return found.decode("ascii", "replace").strip() or None

    async def trunk(self, subject: Subject) -> str | None:
        """The commit of the branch that everything is merged into: waivers count once they are there."""
        for name in _TRUNKS:
            if found := await self.commit(subject, name):
                return found
        return subject.revision or None

    async def _git(self, subject: Subject, *arguments: str, ok: Sequence[int] = (0,)) -> bytes:
        errand = Errand(git(None, *arguments), environment=SAFE, ok=frozenset(ok))
        try:
            return (await self._workbench.run(subject, errand)).stdout
        except AssessmentFailed as err:
            raise AssessmentFailed(f"git cannot read {subject.tree}", context=err.context or err.message) from err
