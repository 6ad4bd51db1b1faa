"""The bare mirror of one source: made by hand in one rename, fetched into, repaired when damaged.

Every fetched commit has a ref of its own, so nothing that happens to the branches of the remote can take it away. Only
the newest state is fetched (depth 1), but for a mirror of the whole history, and no file over the limit where the
server can leave it out.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from pathlib import Path

from pullet.domain.errors import CommandFailed, PulletError, SourceError, SourceRefused
from pullet.domain.home import Home
from pullet.domain.refs import Refs
from pullet.drivers.git.advertised import is_sha, parse_ls_remote
from pullet.drivers.git.failures import failure_of, remote_failure
from pullet.drivers.git.files import disk_full_at, remove_tree, write_whole
from pullet.drivers.git.limits import GitLimits, readable
from pullet.drivers.git.locations import Location
from pullet.drivers.git.program import Git

_KEEP = "refs/pullet"
_ALL_REFS = ("+refs/heads/*:refs/remote/heads/*", "+refs/tags/*:refs/remote/tags/*")
_ONLY_REFS = re.compile(r"unadvertised object|dumb http transport does not support|does not support shallow")
_OBJECTS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{38,62}|pack/pack-[0-9a-f]+\.(pack|idx|rev)")
_NO_REMOTE = '\tpartialClone = origin\n[remote "origin"]\n\tpromisor = true\n'  # large files may be missing
_PACKS = 50  # more than that slow every command down
_SIZE_CHECK = 0.5  # seconds


class Mirror:
    """One at a time: callers hold `lock` around everything that writes."""

    def __init__(
        self, home: Home, git: Git, limits: GitLimits, url: str, location: Location, *, history: bool = False
    ) -> None:
        """`history`: also all that came before a commit; such a mirror is one of its own."""
        kind = "history.git" if history else "git"
        self.folder = home.mirrors / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.{kind}"
        self._depth = () if history else ("--depth=1",)
        self.location = location
        self.lock = asyncio.Lock()
        self._git = git
        self._limits = limits

    async def list_remote(self) -> tuple[Refs, dict[str, str]]:
        """Ask the remote with `git ls-remote`: its refs, and what each tag object points at. Raises SourceError."""
        async with self.lock:
            self._ensure()
        arguments = ("ls-remote", "--symref", "origin", "HEAD", "refs/heads/*", "refs/tags/*")
        try:
            done = await self._git.remote(self.folder, self.location, *arguments, timeout=self._limits.answer_seconds)
        except CommandFailed as err:
            raise failure_of(err, self.location) from err
        return parse_ls_remote(done.stdout)

    def has(self, sha: str) -> bool:
        """Whether the commit was fetched whole. Counts as a use: what is used is kept longest."""
        ref = self.folder / _KEEP / sha
        try:
            if ref.read_text("ascii", "replace").strip() != sha:
                return False
            os.utime(ref)
        except OSError:
            return False
        return True

    async def bring(self, sha: str) -> None:
        """Transfer the commit. Raises CommandFailed where the mirror may be damaged, else SourceError."""
        self._ensure(sha)
        try:
            await self._transfer(*self._depth, "origin", f"+{sha}:{_KEEP}/{sha}")
        except CommandFailed as err:
            if not _ONLY_REFS.search(err.output):
                raise self._blame(err) from err
            await self._bring_by_refs(sha)

    def _blame(self, failure: CommandFailed) -> PulletError:
        """Whose fault it is: what names the mirror is damage over here, and stays a CommandFailed."""
        here = str(self.folder) in failure.output
        return (None if here else remote_failure(failure, self.location)) or failure

    async def _bring_by_refs(self, sha: str) -> None:
        """For servers that give out what their refs name, and nothing else."""
        try:
            await self._transfer("origin", *_ALL_REFS)
        except CommandFailed as err:
            raise self._blame(err) from err
        try:
            await self._git.local(self.folder, "update-ref", f"{_KEEP}/{sha}", sha)
        except CommandFailed as err:
            raise SourceError(
                f"{self.location.shown} no longer has the commit {sha[:12]}",
                hint="It was force-pushed away or its branch was deleted; the next poll finds what took its place.",
            ) from err

    async def _transfer(self, *arguments: str) -> None:
        """git fetch, ended as soon as it has written more than a whole release may have."""
        options = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force")
        run = self._git.remote(self.folder, self.location, *options, *arguments, timeout=self._limits.fetch_seconds)
        fetching = asyncio.create_task(run, name=f"fetch:{self.location.shown}")
        try:
            while not (await asyncio.wait({fetching}, timeout=_SIZE_CHECK))[0]:
                self._refuse_flood()
            fetching.result()
        finally:
            fetching.cancel()
            await asyncio.wait({fetching})

    def _refuse_flood(self) -> None:
        arriving = sum(_size(path) for path in (self.folder / "objects" / "pack").glob("tmp_*"))
        if arriving > self._limits.total_bytes:
            raise SourceRefused(
                f"{self.location.shown} sends more than {readable(self._limits.total_bytes)}",
                hint="Keep data out of git: use a volume, an object store, or a release asset.",
            )

    def clear_locks(self) -> None:
        """Remove what a killed git left behind: nobody else fetches into this mirror."""
        for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*", "gc.pid"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def lend(self, sha: str, folder: Path) -> None:
        """Make a bare repository at `folder`, whose HEAD is the commit, for others to read.

        Its objects are links to the mirror's, which nobody can change; it knows no address, which may have a token.
        """
        for needed in ("objects/info", "refs/heads"):
            (folder / needed).mkdir(parents=True)
        objects = self.folder / "objects"
        with disk_full_at(folder):
            for path in objects.glob("*/*"):
                name = path.relative_to(objects)
                if _OBJECTS.fullmatch(str(name)):
                    (folder / "objects" / name.parent).mkdir(exist_ok=True)
                    os.link(path, folder / "objects" / name)
                if path.suffix == ".pack":
                    (folder / "objects" / name).with_suffix(".promisor").touch()
            (folder / "HEAD").write_text(f"{sha}\n")
            formats = "\tobjectFormat = sha256\n" if self._algorithm() == "sha256" else ""
            config = f"[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n[extensions]\n{formats}{_NO_REMOTE}"
            (folder / "config").write_text(config)

    def remove(self) -> None:
        """In two steps, so that a crash leaves a whole mirror or none."""
        doomed = self.folder.with_suffix(".gone")
        remove_tree(doomed)
        if self.folder.exists():
            self.folder.rename(doomed)
        remove_tree(doomed)

    async def tidy(self) -> None:
        """Forget the oldest commits and repack, once in many fetches."""
        refs = sorted((self.folder / _KEEP).glob("*"), key=lambda ref: ref.stat().st_mtime_ns)
        packs = sum(1 for _ in (self.folder / "objects" / "pack").glob("*.pack"))
        too_many = len(refs) >= 2 * self._limits.commits_kept
        if not too_many and packs <= _PACKS:
            return
        for ref in refs[: -self._limits.commits_kept] if too_many else ():
            ref.unlink(missing_ok=True)
        await self._git.local(self.folder, "gc", "--quiet", "--prune=now")

    def _ensure(self, sha: str = "") -> None:
        """Have an empty mirror, at least; one of another object format, or half of one, is made anew."""
        algorithm = ("sha256" if len(sha) == 64 else "sha1") if is_sha(sha) else self._algorithm()
        if self._whole() and self._algorithm() == algorithm:
            config = self._config(algorithm)
            if (self.folder / "config").read_text() != config:
                write_whole(self.folder / "config", config.encode())
            return
        self.remove()
        self._create(algorithm)

    def _whole(self) -> bool:
        return all((self.folder / name).exists() for name in ("HEAD", "config", "objects/pack", "refs"))

    def _algorithm(self) -> str:
        try:
            return "sha256" if "objectFormat = sha256" in (self.folder / "config").read_text() else "sha1"
        except OSError:
            return "sha1"

    def _create(self, algorithm: str) -> None:
        making = self.folder.with_suffix(".new")
        remove_tree(making)
        with disk_full_at(making):
            for name in ("objects/pack", "objects/info", "refs/heads", "info"):
                (making / name).mkdir(parents=True, mode=0o700)
            (making / "HEAD").write_text("ref: refs/heads/main\n")
            (making / "config").write_text(self._config(algorithm))
            (making / "config").chmod(0o600)
            # A check-out is the commit byte by byte: no line-end conversion, no filter, no $Id$.
            (making / "info" / "attributes").write_text("* -text -ident -filter !working-tree-encoding !eol\n")
            making.rename(self.folder)

    def _config(self, algorithm: str) -> str:
        url = self.location.remote.replace("\\", "\\\\").replace('"', '\\"')
        formats = "\tobjectFormat = sha256\n" if algorithm == "sha256" else ""
        return (
            "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
            f"[extensions]\n\tpartialClone = origin\n{formats}"
            f'[remote "origin"]\n\turl = "{url}"\n\tpromisor = true\n'
            f"\tpartialCloneFilter = blob:limit={self._limits.blob_bytes + 1}\n"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
